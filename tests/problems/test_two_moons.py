"""Two moons against the published reference draws, its own likelihood and quadrature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published_draws import published
from scipy import stats

from retrodict.errors import DataError
from retrodict.problems import TwoMoons

PROBLEM = TwoMoons()


def features(x):
    """What the two moons make of x: distance from the fold, difference, and side."""
    total = x[:, 0] + x[:, 1]
    return np.stack([np.abs(total), x[:, 1] - x[:, 0], (total > 0).astype(float)], axis=1)


@pytest.mark.parametrize("number", range(1, 11))
def test_posterior_agrees_with_the_published_draws(number, key, data_folder):
    y, theirs = published(data_folder, "two-moons", number)
    reference = features(theirs)
    [draws] = PROBLEM.exact_posterior_rows(key, y[None], len(reference))
    ours = features(draws)
    for column in (0, 1):
        assert stats.ks_2samp(ours[:, column], reference[:, column]).pvalue > 1e-4
    assert abs(ours[:, 2].mean() - reference[:, 2].mean()) < 4 * np.sqrt(0.5 / len(reference))


def test_likelihood_integrates_to_one(key):
    x = jnp.array([0.3, -0.6])
    axes = [jnp.linspace(low, high, 801) for low, high in ((-0.2, 0.25), (-0.85, -0.42))]
    grid = jnp.stack(jnp.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    density = jnp.exp(jax.vmap(lambda y: PROBLEM.log_likelihood(x, y))(grid))
    area = (axes[0][1] - axes[0][0]) * (axes[1][1] - axes[1][0])
    assert abs(float(density.sum() * area) - 1) < 5e-3


@pytest.mark.parametrize("x", [(0.3, -0.6), (-0.9, 0.2)], ids=str)
def test_simulations_follow_the_likelihood(x, key):
    """The same expectation from the simulator and by importance weights from a box."""
    num, x = 40_000, np.array(x)
    y = PROBLEM.simulate_rows(key, np.tile(x, (num, 1)))
    low, high = y.min(axis=0) - 0.02, y.max(axis=0) + 0.02
    box = np.random.default_rng(5).uniform(low, high, size=(4 * num, 2)).astype(np.float32)
    density = np.exp(
        jax.vmap(lambda y: PROBLEM.log_likelihood(jnp.asarray(x, jnp.float32), y))(box)
    )
    weights = np.asarray(density) * np.prod(high - low) / len(box)
    for moment in (lambda y: y[:, 0], lambda y: y[:, 1] ** 2, lambda y: y[:, 0] * y[:, 1]):
        expected = weights @ moment(box)
        error = np.sqrt(moment(y).var() / num + (weights * moment(box)).var() * len(box))
        assert abs(moment(y).mean() - expected) < 5 * error


def test_posterior_agrees_with_quadrature_where_the_prior_cuts_a_moon(key):
    y = jnp.array([-0.75, 0.4])
    axis = jnp.asarray((np.arange(1500) + 0.5) / 750 - 1, float)
    grid = jnp.stack(jnp.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    weights = np.asarray(
        jax.nn.softmax(jax.vmap(lambda x: PROBLEM.log_likelihood(x, y))(grid)), np.float64
    )
    [draws] = PROBLEM.exact_posterior_rows(key, np.asarray(y)[None], 20_000)
    grid = np.asarray(grid, np.float64)
    for moment in (features, lambda x: x * x):
        expected = weights @ moment(grid)
        error = np.sqrt(moment(draws).var(axis=0) / len(draws))
        assert (np.abs(moment(draws).mean(axis=0) - expected) < 5 * error + 1e-3).all()
    assert (np.abs(draws) <= 1).all()


def test_a_point_left_of_the_centre_is_improbable_not_impossible():
    x = jnp.zeros(2)
    assert -200 < PROBLEM.log_likelihood(x, jnp.array([0.24, 0.0])) < -40


def test_draws_of_one_observation_differ(key):
    _, y = PROBLEM.simulations(key, 3)
    draws = PROBLEM.exact_posterior_rows(key, y, 500)
    assert all(len(np.unique(d, axis=0)) == 500 for d in draws)


def test_an_observation_beyond_the_prior_is_refused(key):
    with pytest.raises(DataError, match=r"row 0, y = \[3.0, 0.0\]"):
        PROBLEM.exact_posterior_rows(key, np.array([[3.0, 0.0]]), 5)
