import numpy as np
import pytest
from sklearn.metrics import r2_score

from retrodict.plots import recovery, to_png
from retrodict.plots.recovery import r_squared
from retrodict.variables import default_variables


def test_r_squared_is_that_of_scikit_learn(rng):
    truth = rng.normal(size=50)
    median = 0.8 * truth + 0.3 * rng.normal(size=50) + 0.2
    assert r_squared(truth, median) == pytest.approx(r2_score(truth, median))


def test_medians_and_intervals_are_drawn_at_the_truth(rng):
    truth = rng.normal(size=(20, 1)) * 3
    draws = truth[:, None] + rng.normal(size=(20, 500, 1))
    ax = recovery(draws, truth, default_variables("x", 1)).axes[0]
    points = ax.lines[0]
    np.testing.assert_array_equal(points.get_xdata(), truth[:, 0])
    np.testing.assert_allclose(points.get_ydata(), np.median(draws[..., 0], axis=1))
    wide, narrow = (np.array(c.get_segments()) for c in ax.collections)
    np.testing.assert_allclose(wide[:, :, 1], np.quantile(draws[..., 0], [0.025, 0.975], 1).T)
    np.testing.assert_allclose(narrow[:, :, 1], np.quantile(draws[..., 0], [0.16, 0.84], 1).T)
    assert "R² = 0.9" in ax.texts[0].get_text()


def test_a_constant_truth_has_no_r_squared(rng):
    figure = recovery(rng.normal(size=(5, 30, 1)), np.ones((5, 1)), default_variables("x", 1))
    assert "undefined" in figure.axes[0].texts[0].get_text()
    assert to_png(figure, 50)


def test_many_observations_are_thinned_and_it_is_said(rng):
    truth = rng.normal(size=(900, 1))
    figure = recovery(np.repeat(truth[:, None], 5, axis=1), truth, default_variables("x", 1))
    assert len(figure.axes[0].lines[0].get_xdata()) == 200
    assert "200 of 900" in figure.get_supxlabel()


def test_of_many_parameters_those_recovered_worst_come_first(rng):
    truth = rng.normal(size=(30, 40))
    draws = truth[:, None] + 0.1 * rng.normal(size=(30, 20, 40))
    draws[..., [39, 38]] += [[[1.0, 2.0]]]
    figure = recovery(draws, truth, default_variables("x", 40))
    assert [ax.get_xlabel() for ax in figure.axes[:2]] == ["true x39", "true x40"]
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_xdata(), truth[:, 38])
    assert "Not shown: 16 of 40, of higher R²" in figure.get_supxlabel()
