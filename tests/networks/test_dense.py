"""Dense networks of any sizes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from retrodict.errors import ConfigurationError
from retrodict.networks import DenseNetwork
from retrodict.networks.mlp import ACTIVATIONS


@pytest.mark.parametrize("use_bias", [True, False])
def test_it_is_the_product_of_its_layers(key, rng, use_bias):
    network = DenseNetwork([3, 5, 4, 2], "relu", use_bias=use_bias, key=key)
    x = rng.normal(size=3)
    hidden = x
    for i, layer in enumerate(network.layers):
        bias = np.asarray(layer.bias) if use_bias else 0.0
        hidden = np.asarray(layer.weight) @ hidden + bias
        hidden = np.maximum(hidden, 0) if i < 2 else hidden
    assert_allclose(network(jnp.asarray(x, jnp.float32)), hidden, rtol=1e-5, atol=1e-6)
    num_numbers = sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(network, eqx.is_array)))
    assert num_numbers == 15 + 20 + 8 + (11 if use_bias else 0)


def test_signals_keep_their_size_through_many_layers(key):
    """Variance 2 / fan-in is what a rectifier halves: layer after layer the same mean square."""
    network = DenseNetwork([256] * 11, "relu", key=key)
    x = jr.normal(jr.key(1), (200, 256))
    out = jax.vmap(network)(x)
    # Ten layers of relative fluctuation sqrt(5 / 256) each.
    assert 0.3 < float(jnp.mean(out**2)) < 3


def test_dropout_keeps_the_mean_and_is_off_without_a_key():
    network = DenseNetwork([1, 400, 1], "relu", dropout=0.25, key=jr.key(0))
    x = jnp.ones(1)
    plain = float(network(x)[0])
    assert float(network(x)[0]) == plain
    drawn = np.asarray(jax.vmap(lambda k: network(x, k)[0])(jr.split(jr.key(1), 4000)))
    assert abs(drawn.mean() - plain) < 4 * drawn.std() / np.sqrt(4000)
    # Each hidden unit h w is left out by itself: variance sum (h w)^2 p / (1 - p).
    hidden = np.maximum(np.asarray(network.layers[0].weight)[:, 0], 0)
    parts = hidden * np.asarray(network.layers[1].weight)[0]
    assert_allclose(drawn.var(), (parts**2).sum() * 0.25 / 0.75, rtol=0.1)


@pytest.mark.parametrize("seed", range(8))
def test_without_biases_no_direction_of_the_input_starts_dead(seed):
    network = DenseNetwork([2, 4, 3, 5], "relu", use_bias=False, key=jr.key(seed))
    angles = np.linspace(0, 2 * np.pi, 100)
    inputs = jnp.asarray(np.stack([np.cos(angles), np.sin(angles)], axis=1), jnp.float32)
    out = np.asarray(jax.vmap(network)(inputs))
    assert (np.abs(out).max(axis=1) > 0).all()


@pytest.mark.parametrize(
    ("sizes", "settings", "message"),
    [
        ([3, 0, 2], {}, "whole numbers of units"),
        ([3, True], {}, "whole numbers of units"),
        ([3, 2], {"dropout": 1.0}, "`dropout` is a share"),
        ([3, 2], {"activation": "softplusplus"}, "Unknown activation"),
    ],
)
def test_settings_that_make_no_network_are_refused(sizes, settings, message, key):
    with pytest.raises(ConfigurationError, match=message) as caught:
        DenseNetwork(sizes, **settings, key=key)
    assert caught.value.hint


def test_half_of_the_units_are_smooth(rng):
    x = rng.normal(size=(4, 7)).astype(np.float32)
    got = ACTIVATIONS["relu-gelu"](jnp.asarray(x))
    assert_allclose(got[:, :3], np.maximum(x[:, :3], 0))
    # GELU is x Phi(x); JAX takes its approximation by tanh (Hendrycks & Gimpel 2016).
    assert_allclose(got[:, 3:], x[:, 3:] * stats.norm.cdf(x[:, 3:]), atol=5e-4)
