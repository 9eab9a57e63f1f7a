"""The epidemic against the published reference draws, another solver and SciPy's binomial."""

import jax
import numpy as np
import pytest
from published_draws import (
    assert_predicts,
    assert_same_moments,
    published,
    row_by_row,
    wide_proposals,
)
from scipy import stats
from scipy.integrate import solve_ivp

from retrodict.problems import SIR

PROBLEM = SIR()
NUMBERS = range(1, 11)
many_log_likelihoods = jax.jit(jax.vmap(PROBLEM.log_likelihood))
DAYS = [0, 17, 34, 51, 68, 85, 102, 119, 136, 153]
POPULATION = 1e6


def log_likelihoods(x, y):
    return row_by_row(many_log_likelihoods, x, y)


def infected_shares(x):
    """I / N on the days of the tests, all epidemics at once, by another method in I itself."""
    beta, gamma = x.T

    def rates(t, state):
        susceptible, infected = state.reshape(2, -1)
        new = beta * susceptible * infected / POPULATION
        return np.concatenate([-new, new - gamma * infected])

    start = np.concatenate([np.full(len(x), POPULATION - 1), np.ones(len(x))])
    solved = solve_ivp(rates, (0, 153), start, "DOP853", t_eval=DAYS, rtol=1e-10, atol=1e-10)
    return solved.y[len(x) :] / POPULATION


@pytest.fixture(scope="module")
def epidemics():
    """Prior draws and their shares."""
    x = PROBLEM.sample_prior(jax.random.key(1), 256)
    return x, infected_shares(x.astype(float))


@pytest.mark.parametrize("number", NUMBERS)
def test_weighted_proposals_agree_with_the_published_draws(number, data_folder):
    y, draws = published(data_folder, "sir", number)
    draws = np.log(draws)
    proposed, log_proposal = wide_proposals(draws, 4096, number)
    x = np.exp(proposed)
    # Normal in the logarithms.
    log_prior = stats.norm.logpdf(proposed, np.log([0.4, 0.125]), [0.5, 0.2]).sum(axis=1)
    assert_same_moments(log_likelihoods(x, y) + log_prior - log_proposal, proposed, draws)


@pytest.mark.parametrize("number", NUMBERS)
def test_published_draws_predict_the_observation(number, key, data_folder):
    y, draws = published(data_folder, "sir", number)
    assert_predicts(PROBLEM.simulate_rows(key, draws[:4096]), y)


def test_prior_is_log_normal(epidemics):
    x, _ = epidemics
    marginals = [stats.lognorm(s, scale=scale) for s, scale in ((0.5, 0.4), (0.2, 0.125))]
    for column, marginal in zip(x.T, marginals, strict=True):
        assert stats.kstest(column, marginal.cdf).pvalue > 1e-3
    expected = sum(m.logpdf(column) for m, column in zip(marginals, x.T, strict=True))
    np.testing.assert_allclose(PROBLEM.prior_log_prob(x), expected, rtol=1e-4, atol=1e-4)


def test_likelihood_is_binomial_around_another_solution(epidemics):
    """The probability of two more than are expected, and of all that are tested."""
    x, shares = epidemics
    for y in (np.minimum(np.round(1000 * shares) + 2, 1000), np.full(shares.shape, 1000.0)):
        expected = stats.binom.logpmf(y, 1000, shares).sum(axis=1)
        np.testing.assert_allclose(log_likelihoods(x, y), expected, rtol=2e-3, atol=5e-3)


def test_simulations_are_binomial_around_another_solution(epidemics, key):
    x, shares = epidemics
    y = PROBLEM.simulate_rows(key, np.repeat(x, 16, axis=0)).reshape(len(x), 16, 10)
    assert (y == np.round(y)).all()
    shares = shares[:, None]
    # Randomised, so that a whole number from the right distribution is uniform.
    below = stats.binom.cdf(y - 1, 1000, shares)
    mass = stats.binom.pmf(y, 1000, shares)
    ranks = below + mass * np.random.default_rng(0).uniform(size=y.shape)
    for day in range(10):
        assert stats.kstest(ranks[..., day].ravel(), "uniform").pvalue > 1e-4
    z = stats.norm.ppf(np.clip(ranks, 1e-9, 1 - 1e-9)).reshape(-1, 10)
    correlations = np.corrcoef(z.T) - np.eye(10)
    assert (np.abs(correlations) < 5 / np.sqrt(len(z))).all()


def test_an_epidemic_that_does_not_spread_dies_out():
    [nobody] = log_likelihoods(np.array([[0.01, 0.2]]), np.zeros(10))
    # The one infected person is hardly ever among the 1000 of 10^6 that are tested.
    expected = -1e-3 * np.exp(-0.19 * np.array(DAYS)).sum()
    np.testing.assert_allclose(nobody, expected, rtol=1e-3)


def test_observables_are_named_by_their_days():
    assert [variable.name for variable in PROBLEM.observables] == [f"day_{day}" for day in DAYS]
