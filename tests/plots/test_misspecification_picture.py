import numpy as np
import pytest

from retrodict.diagnostics import TypicalObservations
from retrodict.errors import ConfigurationError
from retrodict.plots import misspecification, to_png


def curves(rng, num, cond, unit=1.0):
    phase = rng.uniform(0, 3, (num, 1))
    return unit * (np.sin(np.linspace(0, 6, cond) + phase) + 0.1 * rng.normal(size=(num, cond)))


def test_the_odd_one_is_marked_among_what_was_observed(rng):
    test = TypicalObservations().fit(curves(rng, 2000, 20))
    y = curves(rng, 5, 20)
    y[3, 7] += 2
    result = test.test(y)
    ax, p_values = misspecification(result).axes
    assert ax.get_title(loc="left").startswith("row 3: unlike training")
    odd = next(line for line in ax.lines if line.get_label() == "observed, odd")
    assert 7 in odd.get_xdata()
    assert y[3, 7] in odd.get_ydata()
    usual = next(line for line in ax.lines if line.get_label() == "observed")
    assert len(usual.get_xdata()) + len(odd.get_xdata()) == 20
    np.testing.assert_allclose(ax.patches[4].get_y(), result.typical[0, 4])
    assert "y8" in [label.get_text() for label in ax.get_xticklabels()]
    assert sum(bar.get_height() for bar in p_values.patches) == 5


def test_observables_of_different_units_share_an_axis_by_their_ranges(rng):
    units = np.array([1e-3, 1.0, 1e6])
    test = TypicalObservations().fit(curves(rng, 1000, 3, units))
    result = test.test(result_row := curves(rng, 1, 3, units))
    (ax,) = misspecification(result).axes
    assert ax.get_ylabel() == "value in its training range"
    low, _, high = result.typical
    expected = (result_row[0] - (low + high) / 2) / ((high - low) / 2)
    values = np.concatenate([line.get_ydata() for line in ax.lines])
    np.testing.assert_allclose(sorted(values), sorted(expected))
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches], 2)


@pytest.mark.parametrize("cond", [1, 2, 12, 130])
def test_any_number_of_observables_can_be_drawn(cond, rng):
    test = TypicalObservations().fit(curves(rng, 800, cond), names=[f"${i}" for i in range(cond)])
    figure = misspecification(test.test(curves(rng, 1, cond) + 3))
    assert to_png(figure, 30)
    assert ("Not shown: 30 of 130" in figure.get_supxlabel()) == (cond == 130)


def test_another_observation_can_be_asked_for(rng):
    result = TypicalObservations().fit(curves(rng, 500, 3)).test(curves(rng, 4, 3))
    assert (
        misspecification(result, observation=-1).axes[0].get_title(loc="left").startswith("row 3")
    )
    with pytest.raises(ConfigurationError, match=r"4 observations.*got 4"):
        misspecification(result, observation=4)
