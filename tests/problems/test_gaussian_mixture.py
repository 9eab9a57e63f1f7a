"""The Gaussian mixture against the published reference draws, its likelihood and quadrature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published_draws import assert_predicts, published
from scipy import stats

from retrodict.errors import DataError
from retrodict.problems import GaussianMixture

PROBLEM = GaussianMixture()
of_x = jax.jit(jax.vmap(PROBLEM.log_likelihood, in_axes=(0, None)))
of_y = jax.jit(jax.vmap(PROBLEM.log_likelihood, in_axes=(None, 0)))
NUMBERS = range(1, 11)


def features(x, y):
    """Both coordinates, and the logarithm of the distance: peak and hill apart."""
    return np.column_stack([x, np.log(np.linalg.norm(x - y, axis=1))])


@pytest.mark.parametrize("number", NUMBERS)
def test_posterior_agrees_with_the_published_draws(number, key, data_folder):
    y, draws = published(data_folder, "gaussian-mixture", number)
    [ours] = PROBLEM.exact_posterior_rows(key, y[None], len(draws))
    for column, reference in zip(features(ours, y).T, features(draws, y).T, strict=True):
        assert stats.ks_2samp(column, reference).pvalue > 1e-4


@pytest.mark.parametrize("number", NUMBERS)
def test_published_draws_predict_the_observation(number, key, data_folder):
    y, draws = published(data_folder, "gaussian-mixture", number)
    assert_predicts(PROBLEM.simulate_rows(key, draws[:4096]), y)


def test_likelihood_is_the_density_of_both_clouds(rng):
    x, y = np.array([3.0, -9.0]), np.array([3.0, -9.0]) + rng.normal(size=(50, 2))
    expected = 0.5 * sum(stats.multivariate_normal(x, sd**2).pdf(y) for sd in (1, 0.1))
    found = of_y(np.float32(x), np.float32(y))
    np.testing.assert_allclose(np.exp(found), expected, rtol=1e-3)


def test_likelihood_integrates_to_one():
    # Fine around the peak, coarse on the hill: the midpoints of cells that grow with distance.
    edges = np.sinh(np.linspace(-np.arcsinh(60), np.arcsinh(60), 601)) / 10
    middles, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    grid = np.stack(np.meshgrid(middles, middles, indexing="ij"), axis=-1).reshape(-1, 2)
    density = np.exp(np.asarray(of_y(jnp.zeros(2), np.float32(grid)), float))
    assert abs(density @ np.outer(widths, widths).ravel() - 1) < 1e-3


def test_simulations_follow_the_likelihood(key):
    """Both noises are circular: the distance is Rayleigh, with one sd or the other."""
    num, x = 4096, np.array([-4.0, 7.0])
    noise = PROBLEM.simulate_rows(key, np.tile(x, (num, 1))) - x
    distance = np.linalg.norm(noise, axis=1)
    both = stats.rayleigh(scale=1), stats.rayleigh(scale=0.1)
    assert stats.kstest(distance, lambda r: sum(d.cdf(r) for d in both) / 2).pvalue > 1e-4
    angle = np.arctan2(noise[:, 1], noise[:, 0]) / (2 * np.pi) + 0.5
    assert stats.kstest(angle, "uniform").pvalue > 1e-4


def test_posterior_agrees_with_quadrature_where_the_prior_cuts_the_hill(key):
    y = np.array([9.5, -9.9])
    axes = [np.linspace(*ends, 801) for ends in ((5.5, 10), (-10, -5.5))]
    middles = [(axis[1:] + axis[:-1]) / 2 for axis in axes]
    grid = np.stack(np.meshgrid(*middles, indexing="ij"), axis=-1).reshape(-1, 2)
    weights = np.exp(np.asarray(of_x(np.float32(grid), np.float32(y)), float))
    weights /= weights.sum()
    [draws] = PROBLEM.exact_posterior_rows(key, y[None], 10_000)
    for moment in (lambda x: x, lambda x: (x - y) ** 2, lambda x: features(x, y)[:, 2:]):
        expected = weights @ moment(grid)
        error = moment(draws).std(axis=0) / np.sqrt(len(draws))
        assert (np.abs(moment(draws).mean(axis=0) - expected) < 5 * error).all()
    assert (np.abs(draws) <= 10).all()
    assert len(np.unique(draws, axis=0)) == len(draws)


def test_an_observation_beyond_the_prior_is_refused(key, monkeypatch):
    monkeypatch.setattr("retrodict.problems.rejection._MOST_ROUNDS", 50)
    with pytest.raises(DataError, match=r"row 0, y = \[30.0, 0.0\]"):
        PROBLEM.exact_posterior_rows(key, np.array([[30.0, 0.0]]), 5)
