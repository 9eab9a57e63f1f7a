"""Predators and prey against the published reference draws, another solver and SciPy."""

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

from retrodict.problems import LotkaVolterra

PROBLEM = LotkaVolterra()
NUMBERS = range(1, 11)
many_log_likelihoods = jax.jit(jax.vmap(PROBLEM.log_likelihood))
DAYS = np.linspace(0, 20, 201)[::21]
LOG_MEANS = np.array([-0.125, -3.0, -0.125, -3.0])


def log_likelihoods(x, y):
    return row_by_row(many_log_likelihoods, x, y)


def log_counts(x):
    """log X, then log Y at the counts, all rows at once, by another method of high order."""
    alpha, beta, gamma, delta = x.T

    def rates(t, state):
        prey, predators = np.exp(state.reshape(2, -1))
        return np.concatenate([alpha - beta * predators, delta * prey - gamma])

    start = np.repeat(np.log([30.0, 1.0]), len(x))
    solved = solve_ivp(rates, (0, DAYS[-1]), start, "DOP853", t_eval=DAYS, rtol=1e-10, atol=1e-10)
    states = solved.y.reshape(2, len(x), len(DAYS))
    return np.clip(np.concatenate(list(states), axis=1), np.log(1e-10), np.log(1e4))


@pytest.fixture(scope="module")
def populations():
    """Prior draws and their counts."""
    x = PROBLEM.sample_prior(jax.random.key(1), 256)
    return x, log_counts(x.astype(float))


@pytest.mark.parametrize("number", NUMBERS)
def test_weighted_proposals_agree_with_the_published_draws(number, data_folder):
    y, draws = published(data_folder, "lotka-volterra", number)
    draws = np.log(draws)
    proposed, log_proposal = wide_proposals(draws, 4096, number)
    x = np.exp(proposed)
    # Normal in the logarithms.
    log_prior = stats.norm.logpdf(proposed, LOG_MEANS, 0.5).sum(axis=1)
    assert_same_moments(log_likelihoods(x, y) + log_prior - log_proposal, proposed, draws)


@pytest.mark.parametrize("number", NUMBERS)
def test_published_draws_predict_the_observation(number, key, data_folder):
    y, draws = published(data_folder, "lotka-volterra", number)
    simulated = PROBLEM.simulate_rows(key, draws[:4096])
    assert_predicts(simulated, y)
    # Both y and what is simulated carry the noise of .1: a chi-square of 20 numbers.
    distance = ((np.log(simulated) - np.log(y)) ** 2).sum(axis=1) / (2 * 0.1**2)
    assert 5 < distance.mean() < 45


def test_counts_agree_with_another_solution(populations, key):
    x, expected = populations
    y = np.log(PROBLEM.simulate_rows(key, np.repeat(x, 16, axis=0)).astype(float))
    z = (y.reshape(256, 16, 20) - expected[:, None]) / 0.1
    for column in np.moveaxis(z, 2, 0):
        assert stats.kstest(column.ravel(), "norm").pvalue > 1e-4
    correlations = np.corrcoef(z.reshape(-1, 20).T) - np.eye(20)
    assert (np.abs(correlations) < 5 / np.sqrt(256 * 16)).all()


def test_likelihood_is_log_normal_around_another_solution(populations):
    """Twice, so that the noise-free counts can be told to .002: the square and its slope."""
    x, expected = populations
    for shift in (-0.1, 0.1):
        y = np.exp(expected + shift)
        exact = stats.lognorm.logpdf(y, 0.1, scale=np.exp(expected)).sum(axis=1)
        found = log_likelihoods(x, y)
        # An error e of one log-count changes its term by e / .1.
        assert np.abs(found - exact).max() < 20 * 2e-3 / 0.1


def test_prior_is_log_normal(populations):
    x, _ = populations
    marginals = [stats.lognorm(0.5, scale=np.exp(mean)) for mean in LOG_MEANS]
    for column, marginal in zip(x.T, marginals, strict=True):
        assert stats.kstest(column, marginal.cdf).pvalue > 1e-3
    expected = sum(m.logpdf(column) for m, column in zip(marginals, x.T, strict=True))
    np.testing.assert_allclose(PROBLEM.prior_log_prob(x), expected, rtol=1e-4, atol=1e-4)


def test_no_extreme_draw_diverges(rng, key):
    """The farthest of a hundred thousand, and neighbours of one whose trial steps overflow."""
    z = rng.normal(size=(100_000, 4))
    farthest = z[np.argsort((z**2).sum(axis=1))[-2048:]]
    extreme = np.exp(LOG_MEANS + 0.5 * farthest)
    awkward = [1.193954, 0.06918223, 0.7483586, 0.02995874]
    near = awkward * np.exp(1e-4 * rng.normal(size=(2048, 4)))
    assert np.isfinite(PROBLEM.simulate_rows(key, np.concatenate([extreme, near]))).all()


@pytest.mark.parametrize(
    ("x", "column", "kept"),
    # No prey to be eaten, and so few predators that they are gone; prey that nobody eats.
    [((0.25, 0.05, 3.0, 0.004), 16, 1e-10), ((2.0, 0.05, 2.0, 1e-4), 2, 1e4)],
    ids=["least", "most"],
)
def test_counts_are_kept_within_limits(x, column, kept, key):
    """Without limits it would be 2e-12, and more than 1e5."""
    y = PROBLEM.simulate_rows(key, np.tile(x, (4096, 1)))[:, column]
    assert stats.kstest(np.log(y / kept) / 0.1, "norm").pvalue > 1e-4


def test_names_and_order():
    names = [variable.name for variable in PROBLEM.observables]
    assert (names[0], names[9], names[10], names[19]) == (
        "prey_1", "prey_10", "predators_1", "predators_10",
    )  # fmt: skip
