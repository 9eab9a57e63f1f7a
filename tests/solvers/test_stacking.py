"""Weights of a mixture of fixed densities."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.optimize import minimize

from retrodict.errors import NonFiniteError
from retrodict.solvers.stacking import (
    cautious_stacking_weights,
    mixture_log_density,
    stacking_weights,
)


def log_densities(seed, num_rows=400, centres=(-2.0, 0.0, 1.0, 5.0)):
    """Rows of .7 N(0, 1) + .3 N(1, 1) under normal densities about these centres."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=num_rows) + (rng.random(num_rows) < 0.3)
    return stats.norm.logpdf(x[:, None], centres, 1.0)


@pytest.mark.parametrize("seed", range(3))
def test_the_weights_are_those_of_a_general_optimiser(seed):
    densities = log_densities(seed)
    weights = stacking_weights(densities)
    found = minimize(
        lambda w: -mixture_log_density(densities, np.maximum(w, 1e-300)).mean(),
        np.full(4, 0.25),
        method="SLSQP",
        bounds=[(0, 1)] * 4,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assert_allclose(mixture_log_density(densities, weights).mean(), -found.fun, atol=2e-5)
    assert_allclose(weights, found.x, atol=0.03)
    assert_allclose(weights.sum(), 1, rtol=1e-12)


@pytest.mark.parametrize("num_steps", [1, 5, 30])
def test_a_search_that_is_cut_short_misses_little(num_steps, monkeypatch):
    for seed in range(5):
        densities = log_densities(seed, centres=np.linspace(-4, 5, 7))
        highest = mixture_log_density(densities, stacking_weights(densities)).mean()
        with monkeypatch.context() as patch:
            patch.setattr("retrodict.solvers.stacking._MOST_STEPS", num_steps)
            found = mixture_log_density(densities, stacking_weights(densities)).mean()
        assert 0 < highest - found < np.log(7) / num_steps


def test_members_that_share_no_row_get_the_share_of_theirs():
    densities = np.where(np.arange(10)[:, None] < 3, [0.0, -np.inf], [-np.inf, -4.0])
    assert_allclose(stacking_weights(densities), [0.3, 0.7], rtol=1e-12)


def test_densities_too_small_for_a_float_do_no_harm():
    densities = log_densities(0)
    assert_allclose(stacking_weights(densities - 5e3), stacking_weights(densities), rtol=1e-6)


def test_a_mixture_is_the_logarithm_of_a_sum():
    densities, weights = log_densities(1), np.array([0.5, 0.0, 0.2, 0.3])
    expected = np.log((np.exp(densities) * weights).sum(axis=1))
    assert_allclose(mixture_log_density(densities, weights), expected, rtol=1e-10)
    impossible = mixture_log_density(np.array([[-np.inf, 0.0]]), np.array([1.0, 0.0]))
    assert impossible.tolist() == [-np.inf]


def test_a_few_rows_do_not_choose_among_equally_good_members():
    """Each member is N(0, 1) seen through noise of its own."""
    extremes = {15: [], 500: []}
    for num_rows, found in extremes.items():
        for seed in range(8):
            noise = 0.5 * np.random.default_rng(seed).normal(size=(num_rows, 5))
            noise -= np.log(np.exp(noise).mean())
            plain, cautious = stacking_weights(noise), cautious_stacking_weights(noise)
            found.append([plain.max(), cautious.max()])
    few, many = (np.mean(found, axis=0) for found in extremes.values())
    assert few[0] > 0.55
    assert few[1] < 0.35
    assert many[1] < 0.3


@pytest.mark.parametrize("seed", range(3))
def test_many_rows_find_the_bad_members(seed):
    densities = log_densities(seed, 1000)
    weights = cautious_stacking_weights(densities)
    fresh = log_densities(50 + seed, 4000)
    equal = np.full(4, 0.25)
    assert weights[3] < 0.1
    gain = mixture_log_density(fresh, weights) - mixture_log_density(fresh, equal)
    assert gain.mean() > 4 * gain.std() / np.sqrt(len(gain))
    # Never worse than equal weights on the rows themselves.
    own = [mixture_log_density(densities, w).mean() for w in (stacking_weights(densities), weights)]
    assert own[0] >= own[1] > mixture_log_density(densities, equal).mean()


def test_one_row_says_nothing():
    assert_allclose(cautious_stacking_weights(np.array([[0.0, -9.0]])), [0.5, 0.5])


@pytest.mark.parametrize("bad", [-np.inf, np.nan])
def test_a_row_without_density_is_refused(bad):
    densities = log_densities(0)
    densities[7] = bad
    with pytest.raises(NonFiniteError, match=r"1 of 400 held-out rows .* first at \[7\]"):
        stacking_weights(densities)
