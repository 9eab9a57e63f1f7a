"""The Lipschitz bound holds, measured by singular values that NumPy computes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose

from retrodict.errors import ConditionError, ConfigurationError
from retrodict.networks import CONTRACTIVE_ACTIVATIONS, LipschitzMLP, spectral_norm_bound

bound = jax.jit(spectral_norm_bound)


def gaussian(rng, shape):
    return rng.normal(size=shape)


def orthogonal(rng, shape):
    """All singular values equal: where the bound is furthest off."""
    tall = np.linalg.qr(rng.normal(size=(max(shape), min(shape))))[0]
    return tall if shape[0] >= shape[1] else tall.T


def one_row_tells_all(rng, shape):
    return np.outer(rng.normal(size=shape[0]), rng.normal(size=shape[1]))


@pytest.mark.parametrize("shape", [(1, 1), (2, 64), (64, 3), (64, 64)])
@pytest.mark.parametrize("kind", [gaussian, orthogonal, one_row_tells_all])
def test_it_is_at_least_the_spectral_norm_and_close_to_it(kind, shape, rng):
    for scale in (1e-30, 1.0, 1e30):
        matrix = (scale * kind(rng, shape)).astype(np.float32)
        truth = np.linalg.norm(matrix.astype(np.float64), 2)
        assert truth <= bound(matrix) <= 1.02 * truth


def test_the_gradient_is_that_of_the_largest_singular_value(rng):
    matrix = rng.normal(size=(5, 4)).astype(np.float32)
    left, _, right = np.linalg.svd(matrix)
    assert_allclose(jax.grad(bound)(matrix), np.outer(left[:, 0], right[0]), atol=2e-3)


def test_a_matrix_of_zeros_has_norm_and_gradient_zero():
    assert bound(jnp.zeros((3, 4))) == 0
    assert_allclose(jax.grad(bound)(jnp.zeros((3, 4))), 0)


@pytest.mark.parametrize("name", CONTRACTIVE_ACTIVATIONS)
def test_no_activation_is_steeper_than_one(name):
    x = jnp.linspace(-20, 20, 200_001)
    slopes = jax.vmap(jax.grad(CONTRACTIVE_ACTIVATIONS[name]))(x)
    assert 0.99 < abs(slopes).max() <= 1


def steepest(network, points, condition):
    """The largest singular value of the Jacobian at any of the points."""
    jacobian = jax.jit(jax.vmap(jax.jacfwd(lambda x: network(x, condition))))(points)
    return np.linalg.norm(np.asarray(jacobian, np.float64), 2, axis=(1, 2)).max()


def test_the_bound_holds_while_training_pulls_against_it(key):
    key_network, key_points = jr.split(key)
    points = 2 * jr.normal(key_points, (2000, 3))
    condition = jnp.array([5.0, -3.0])
    network = LipschitzMLP(3, 3, 16, 2, cond_dim=2, lipschitz=0.8, key=key_network)
    promised = eqx.filter_jit(LipschitzMLP.lipschitz_bound)
    assert promised(network) == 0
    arrays, static = eqx.partition(network, eqx.is_inexact_array)
    optimiser = optax.adam(0.1)

    def loss(arrays):
        network = eqx.combine(arrays, static)
        given = network.given(condition)
        return jnp.mean((jax.vmap(given)(points) - 5 * points) ** 2)

    @jax.jit
    def step(arrays, state):
        with jax.numpy_dtype_promotion("standard"):
            updates, state = optimiser.update(jax.grad(loss)(arrays), state)
        return eqx.apply_updates(arrays, updates), state

    state = optimiser.init(arrays)
    for _ in range(60):
        arrays, state = step(arrays, state)
    network = eqx.combine(arrays, static)
    norms = [np.linalg.norm(layer.weight, 2) for layer in network.layers]
    assert np.prod(norms) > 5  # what the network would do if nothing shrank its weights
    assert 0.3 < steepest(network, points, condition) <= promised(network) <= 0.800001


def test_weights_within_the_bound_are_left_as_they_are(key):
    network = LipschitzMLP(2, 2, 4, 1, lipschitz=0.81, key=key)
    small = 0.1 * jnp.eye(4)[:, :2]
    network = eqx.tree_at(lambda n: n.layers[0].weight, network, small)
    assert_allclose(network.given().weights[0], small)
    large = eqx.tree_at(lambda n: n.layers[0].weight, network, 50 * small)
    assert_allclose(np.linalg.norm(large.given().weights[0], 2), 0.9, rtol=0.02)


def test_the_condition_may_matter_as_much_as_it_likes(key):
    network = LipschitzMLP(2, 2, 8, 1, cond_dim=1, lipschitz=0.5, key=key)
    network = eqx.tree_at(lambda n: n.context.last.weight, network, replace_fn=lambda w: w + 100.0)
    x = jnp.ones(2)
    far = network(x, jnp.ones(1)) - network(x, jnp.zeros(1))
    assert jnp.linalg.norm(far) > 10
    with pytest.raises(ConditionError):
        network(x)


def test_settings_that_cannot_be_kept_are_refused(key):
    with pytest.raises(ConfigurationError, match="slopes of at most one"):
        LipschitzMLP(2, 2, 8, 1, "silu", key=key)
    with pytest.raises(ConfigurationError, match="positive"):
        LipschitzMLP(2, 2, 8, 1, lipschitz=0.0, key=key)
    with pytest.raises(ConfigurationError, match="depth=0"):
        LipschitzMLP(2, 2, 8, 0, key=key)
