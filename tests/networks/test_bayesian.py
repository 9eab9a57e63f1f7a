"""Networks whose weights are random variables."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from retrodict.errors import ConfigurationError
from retrodict.networks import BayesianLinear, BayesianNetwork


@pytest.fixture(scope="module")
def layer():
    """Means and deviations of all sizes, and a prior of its own."""
    rng = np.random.default_rng(0)
    start = BayesianLinear(3, 2, "learned", key=jr.key(0))
    return eqx.tree_at(
        lambda new: (new.mean, new.log_sd, new.bias_mean, new.bias_log_sd, new.log_prior_sd),
        start,
        (
            jnp.asarray(rng.normal(size=(2, 3)), jnp.float32),
            jnp.asarray(rng.normal(-1, 0.5, size=(2, 3)), jnp.float32),
            jnp.asarray(rng.normal(size=2), jnp.float32),
            jnp.asarray(rng.normal(-1, 0.5, size=2), jnp.float32),
            jnp.asarray(0.3),
        ),
    )


def test_outputs_have_the_moments_of_draws_of_the_weights(layer):
    x = np.array([1.0, -2.0, 0.5])
    keys = jr.split(jr.key(1), 20_000)
    local = np.asarray(jax.vmap(lambda key: layer(jnp.asarray(x, jnp.float32), key))(keys))
    weights, biases = map(np.asarray, jax.vmap(layer.draw)(keys))
    global_ = weights @ x + biases
    mean = np.asarray(layer.mean) @ x + np.asarray(layer.bias_mean)
    variance = np.exp(2 * np.asarray(layer.log_sd)) @ x**2 + np.exp(
        2 * np.asarray(layer.bias_log_sd)
    )
    for draws in (local, global_):
        assert (np.abs(draws.mean(axis=0) - mean) < 4 * np.sqrt(variance / 20_000)).all()
        assert_allclose(draws.var(axis=0), variance, rtol=4 * np.sqrt(2 / 20_000))


def test_the_divergence_is_that_of_the_densities(layer):
    keys = jr.split(jr.key(2), 20_000)
    weights, biases = map(np.asarray, jax.vmap(layer.draw)(keys))
    prior = stats.norm(0, np.exp(0.3))
    log_ratio = np.zeros(20_000)
    for draws, mean, log_sd in (
        (weights.reshape(20_000, -1), layer.mean, layer.log_sd),
        (biases, layer.bias_mean, layer.bias_log_sd),
    ):
        posterior = stats.norm(np.ravel(mean), np.exp(np.ravel(log_sd)))
        log_ratio += (posterior.logpdf(draws) - prior.logpdf(draws)).sum(axis=1)
    error = log_ratio.std() / np.sqrt(20_000)
    assert abs(float(layer.kl()) - log_ratio.mean()) < 4 * error


def test_the_divergence_from_draws_is_the_same_in_the_mean(layer):
    estimates = np.asarray(jax.vmap(layer.sampled_kl)(jr.split(jr.key(3), 5_000)))
    assert abs(estimates.mean() - float(layer.kl())) < 4 * estimates.std() / np.sqrt(5_000)
    network = BayesianNetwork([2, 3, 1], key=jr.key(0))
    estimates = np.asarray(jax.vmap(network.sampled_kl)(jr.split(jr.key(4), 5_000)))
    assert abs(estimates.mean() - float(network.kl())) < 4 * estimates.std() / np.sqrt(5_000)


def test_a_learned_prior_follows_the_weights(layer):
    """The divergence is least where the prior's variance is the mean of mean^2 + sd^2."""
    squares = np.concatenate(
        [
            np.ravel(np.asarray(mean) ** 2 + np.exp(2 * np.asarray(log_sd)))
            for mean, log_sd in (
                (layer.mean, layer.log_sd),
                (layer.bias_mean, layer.bias_log_sd),
            )
        ]
    )
    best = 0.5 * np.log(squares.mean())
    slope = jax.grad(lambda log_sd: eqx.tree_at(lambda new: new.log_prior_sd, layer, log_sd).kl())
    assert abs(float(slope(jnp.asarray(best, jnp.float32)))) < 1e-4
    assert float(slope(jnp.asarray(best - 0.5, jnp.float32))) < -1


def test_a_stated_prior_stays():
    wide, narrow = (BayesianLinear(4, 3, sd, key=jr.key(0)) for sd in (10.0, 0.1))
    assert wide.log_prior_sd is None
    leaves = jax.tree.leaves(eqx.filter(wide, eqx.is_inexact_array))
    assert sum(leaf.size for leaf in leaves) == 2 * (12 + 3)
    # The weights are those of a prior of 1 / 2, for which both are wrong.
    fitting = BayesianLinear(4, 3, 1.0, key=jr.key(0))
    assert float(fitting.kl()) < float(wide.kl())
    assert float(fitting.kl()) < float(narrow.kl())


def test_one_function_has_the_same_weights_for_all_rows():
    network = BayesianNetwork([2, 1], key=jr.key(0))
    x = jnp.asarray([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    zero, first, second, both = np.asarray(network.function(x, jr.key(3)))[:, 0]
    assert_allclose(both, first + second - zero, atol=1e-6)
    again = np.asarray(network.function(x, jr.key(4)))
    assert not np.allclose(again[:, 0], [zero, first, second, both])


def test_both_kinds_of_draws_agree_in_deep_networks():
    network = BayesianNetwork([1, 20, 1], "tanh", key=jr.key(0))
    widened = eqx.tree_at(
        lambda n: [layer.log_sd for layer in n.layers],
        network,
        [layer.log_sd + 2 for layer in network.layers],
    )
    x = jnp.asarray([[0.7]])
    keys = jr.split(jr.key(5), 8_000)
    local = np.asarray(jax.vmap(lambda key: widened(x[0], key))(keys))[:, 0]
    functions = np.asarray(jax.vmap(lambda key: widened.function(x, key))(keys))[:, 0, 0]
    spread = np.sqrt(local.var() / 8_000 + functions.var() / 8_000)
    assert abs(local.mean() - functions.mean()) < 4 * spread
    assert_allclose(local.std(), functions.std(), rtol=0.06)
    assert_allclose(widened.kl(), sum(layer.kl() for layer in widened.layers))


@pytest.mark.parametrize(
    ("sizes", "settings", "message"),
    [
        ([3, 0, 1], {}, "whole numbers of units"),
        ([3, 1], {"prior_sd": 0.0}, "`prior_sd` is a positive number"),
        ([3, 1], {"prior_sd": "free"}, "`prior_sd` is a positive number"),
        ([3, 1], {"activation": "relu7"}, "Unknown activation"),
    ],
)
def test_settings_that_make_no_network_are_refused(sizes, settings, message, key):
    with pytest.raises(ConfigurationError, match=message) as caught:
        BayesianNetwork(sizes, **settings, key=key)
    assert caught.value.hint
