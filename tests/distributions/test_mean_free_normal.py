"""The laws of a density that lives on a subspace: clouds of points whose mean is zero."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from numpy.testing import assert_allclose

from retrodict.distributions import MeanFreeNormal
from retrodict.errors import ConditionError, ConfigurationError

NUM_DRAWS = 4000


def basis(shape):
    """An orthonormal basis of the clouds of mean zero: rows of length n d."""
    num, dim = shape
    free = scipy.linalg.null_space(np.ones((1, num))).T
    return np.kron(free, np.eye(dim))


def clouds(coordinates, shape):
    return (coordinates @ basis(shape)).reshape(-1, *shape)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 1), (2, 2), (4, 3)])
def test_the_density_is_that_of_its_coordinates(shape, dtype):
    """Scipy's standard normal in an orthonormal basis of the subspace."""
    distribution = MeanFreeNormal(shape)
    coordinates = np.random.default_rng(0).normal(size=(20, distribution.dim))
    with jax.enable_x64(dtype == "float64"):
        x = jnp.asarray(clouds(coordinates, shape), dtype)
        found = jax.vmap(distribution.log_prob)(x)
    assert found.dtype == dtype
    expected = scipy.stats.norm.logpdf(coordinates).sum(axis=1)
    assert_allclose(found, expected, rtol=2e-5 if dtype == "float32" else 1e-12)


def test_the_density_integrates_to_one_over_the_plane_of_three_points_on_a_line():
    edges = np.linspace(-6, 6, 121)
    centres = (edges[1:] + edges[:-1]) / 2
    coordinates = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
    x = jnp.asarray(clouds(coordinates, (3, 1)), jnp.float32)
    density = np.exp(jax.vmap(MeanFreeNormal((3, 1)).log_prob)(x))
    assert_allclose(density.sum() * (edges[1] - edges[0]) ** 2, 1, atol=1e-4)


def test_draws_have_mean_zero_and_normal_coordinates():
    shape = (3, 2)
    x = np.asarray(MeanFreeNormal(shape).sample_many(jr.key(5), NUM_DRAWS), np.float64)
    assert_allclose(x.mean(axis=1), 0, atol=1e-6)
    coordinates = x.reshape(NUM_DRAWS, -1) @ basis(shape).T
    for column in coordinates.T:
        assert scipy.stats.kstest(column, "norm").pvalue > 0.001
    correlation = np.corrcoef(coordinates.T) - np.eye(coordinates.shape[1])
    assert np.abs(correlation).max() < 4.5 / np.sqrt(NUM_DRAWS)


def test_a_translation_leaves_the_density_as_it_is():
    distribution = MeanFreeNormal((4, 2))
    x = distribution.sample(jr.key(0))
    moved = x + jnp.array([3.0, -1.0])
    assert_allclose(distribution.log_prob(moved), distribution.log_prob(x), rtol=1e-5)


def test_draws_come_with_their_own_log_density():
    distribution = MeanFreeNormal((4, 2))
    x, log_prob = distribution.sample_and_log_prob(jr.key(1))
    assert log_prob == distribution.log_prob(x)


def test_values_and_gradients_are_finite_far_out():
    x = 1e4 * jnp.arange(6.0).reshape(3, 2)
    value, gradient = jax.value_and_grad(MeanFreeNormal((3, 2)).log_prob)(x)
    assert np.isfinite(value)
    assert_allclose(gradient, -(x - x.mean(axis=0)))


@pytest.mark.parametrize("shape", [(1, 2), (3,), (2, 0)])
def test_shapes_without_a_subspace_are_refused(shape):
    with pytest.raises(ConfigurationError, match="at least two points"):
        MeanFreeNormal(shape)


def test_a_condition_is_refused():
    distribution = MeanFreeNormal((3, 2))
    with pytest.raises(ConditionError):
        distribution.log_prob(jnp.zeros((3, 2)), jnp.zeros(1))
    with pytest.raises(ConditionError):
        distribution.sample(jr.key(0), jnp.zeros(1))
