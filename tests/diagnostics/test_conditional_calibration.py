"""Calibration that is right on average and wrong for each kind of observation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from retrodict.diagnostics import conditional_calibration, simulation_based_calibration
from retrodict.errors import ConfigurationError, ShapeError


def posteriors(seed, shift=0.0, spread=0.0, num=300, num_draws=99):
    """Posteriors that lie too high, or are too wide, where the second observable is large."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(num, 3))
    truth = y[:, :2] + rng.normal(size=(num, 2))
    noise = rng.normal(size=(num, num_draws, 2))
    odd = y[:, 1, None]
    noise[..., 0] = noise[..., 0] * np.exp(spread * odd) + shift * odd
    return y[:, None, :2] + noise, truth, y


def test_the_exact_posterior_fails_as_often_as_it_should():
    smallest = [
        conditional_calibration(*posteriors(seed, num=100, num_draws=50)).p_values.min()
        for seed in range(300)
    ]
    # Six tests each; at a level of 5 % 15 of 300 are expected, and fewer for Bonferroni.
    assert 2 <= sum(6 * p <= 0.05 for p in smallest) <= 26
    assert sum(6 * p <= 0.01 for p in smallest) <= 10


@pytest.mark.parametrize(
    ("error", "what"),
    [
        ({"shift": 0.4}, "`b` lies too high at large values of `y2`"),
        ({"shift": -0.4}, "`b` lies too low at large values of `y2`"),
        ({"spread": 0.4}, "`b` is too wide at large values of `y2`"),
        ({"spread": -0.4}, "`b` is too narrow at large values of `y2`"),
    ],
    ids=str,
)
def test_errors_that_cancel_over_observations_are_found(error, what):
    result = conditional_calibration(*posteriors(1, **error), names=["b", "a"])
    assert not result.passed
    assert result.worst == (0, 1)
    assert what in str(result)
    assert result.to_dict()["observable"] == "y2"


def test_a_shift_that_cancels_is_not_seen_by_the_ranks_alone():
    draws, truth, y = posteriors(2, shift=0.2)
    assert simulation_based_calibration(draws, truth).passed
    assert not conditional_calibration(draws, truth, y).passed


def test_p_values_are_those_of_spearman():
    draws, truth, y = posteriors(3, spread=0.1)
    result = conditional_calibration(draws, truth, y)
    ranks = (draws < truth[:, None]).sum(axis=1)
    for i in range(2):
        for j in range(3):
            shift = stats.spearmanr(ranks[:, i], y[:, j])
            spread = stats.spearmanr(np.abs(ranks[:, i] - 49.5), y[:, j])
            assert_allclose(result.shifts[i, j], shift.statistic, atol=1e-12)
            assert_allclose(result.spreads[i, j], spread.statistic, atol=1e-12)
            expected = min(1.0, 2 * min(shift.pvalue, spread.pvalue))
            assert_allclose(result.p_values[i, j], expected, rtol=1e-9)


def test_an_observable_that_never_varies_says_nothing():
    draws, truth, y = posteriors(4)
    y[:, 2] = 5.0
    result = conditional_calibration(draws, truth, y)
    assert_allclose(result.p_values[:, 2], 1.0)
    assert result.passed


def test_rows_and_names_have_to_fit():
    draws, truth, y = posteriors(5)
    with pytest.raises(ShapeError, match="299 rows for 300"):
        conditional_calibration(draws, truth, y[:-1])
    with pytest.raises(ConfigurationError, match="3 names of observables; got 1"):
        conditional_calibration(draws, truth, y, observable_names=["one"])
