"""What every architecture of the registry must give."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from numpy.testing import assert_allclose
from small_settings import small_settings

from retrodict.errors import ConditionError, ConfigurationError
from retrodict.flows import ARCHITECTURES, get_architecture

COND_DIM = 2
CONDITION = np.array([0.4, -1.2])

every_architecture = pytest.mark.parametrize("name", ARCHITECTURES)

# A single entry, and an odd number that couplings halve unevenly, in each precision; two entries
# are tested below.
SHAPES = [
    (1, 0, "float32"),
    (1, COND_DIM, "float32"),
    (5, COND_DIM, "float32"),
    (5, 0, "float64"),
]
SIZES = [
    (name, dim, cond_dim, dtype)
    for name, architecture in ARCHITECTURES.items()
    for dim, cond_dim, dtype in SHAPES
    if cond_dim or dim >= architecture.smallest_unconditional_dim
]
TOO_SMALL = [
    (name, dim)
    for name, architecture in ARCHITECTURES.items()
    for dim in range(1, architecture.smallest_unconditional_dim)
]


def build(name, dim, cond_dim, key=0):
    """A small flow whose parameters are not zero: a new one is the identity."""
    architecture = get_architecture(name, **small_settings(name))
    flow = architecture.build(dim, cond_dim, key=jr.key(key))
    # NumPy's noise: JAX would compile a program for every shape of a leaf.
    rng = np.random.default_rng(key)
    return jax.tree.map(
        lambda leaf: (
            leaf + 0.3 * jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype)
            if eqx.is_inexact_array(leaf)
            else leaf
        ),
        flow,
    )


@eqx.filter_jit
def log_probs(flow, x, condition):
    return eqx.filter_vmap(lambda x: flow.log_prob(x, condition))(x)


@eqx.filter_jit
def draw(flow, keys, condition):
    return eqx.filter_vmap(lambda key: flow.sample_and_log_prob(key, condition))(keys)


@pytest.mark.parametrize(("name", "dim", "cond_dim", "dtype"), SIZES)
def test_it_builds_and_traces_in_every_size(name, dim, cond_dim, dtype):
    with jax.enable_x64(dtype == "float64"):
        flow = build(name, dim, cond_dim)
        condition = jnp.asarray(CONDITION, dtype) if cond_dim else None
        assert flow.shape == (dim,)
        assert flow.cond_shape == ((cond_dim,) if cond_dim else None)
        log_prob = eqx.filter_eval_shape(flow.log_prob, jnp.zeros(dim, dtype), condition)
        sample = eqx.filter_eval_shape(flow.sample, jr.key(0), condition)
    assert (log_prob.shape, log_prob.dtype) == ((), dtype)
    assert (sample.shape, sample.dtype) == ((dim,), dtype)


@pytest.mark.parametrize(("name", "dim"), TOO_SMALL)
def test_too_few_entries_without_a_condition_are_refused(name, dim):
    with pytest.raises(ConfigurationError, match=f"at least .* got dim={dim}"):
        build(name, dim, 0)


@functools.cache
def draws(name):
    with jax.enable_x64(True):
        flow = build(name, 2, COND_DIM)
        x, log_prob = draw(flow, jr.split(jr.key(1), 2000), jnp.asarray(CONDITION))
        again = log_probs(flow, x, jnp.asarray(CONDITION))
    return tuple(map(np.asarray, (x, log_prob, again)))


@functools.cache
def density(name):
    # The density of an ODE is smooth, and dear.
    edges = np.linspace(-15, 15, 151 if name == "ffjord" else 401)
    centres = (edges[1:] + edges[:-1]) / 2
    x = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
    with jax.enable_x64(True):
        found = log_probs(build(name, 2, COND_DIM), jnp.asarray(x), jnp.asarray(CONDITION))
    return x, np.asarray(found), (edges[1] - edges[0]) ** 2


@every_architecture
def test_the_density_integrates_to_one(name):
    _, log_prob, area = density(name)
    assert_allclose(np.exp(log_prob).sum() * area, 1.0, atol=5e-3)


@every_architecture
def test_draws_come_with_their_own_log_density(name):
    _, log_prob, again = draws(name)
    assert_allclose(log_prob, again, atol=1e-7)


@every_architecture
def test_draws_have_the_moments_of_the_density(name):
    x, log_prob, area = density(name)
    weights = np.exp(log_prob) * area
    sample, sample_log_prob, _ = draws(name)
    features = lambda x: np.stack([x[:, 0], x[:, 1], x[:, 0] * x[:, 1], x[:, 0] ** 2])  # noqa: E731
    expected = np.append(features(x) @ weights, weights @ log_prob)
    found = np.vstack([features(sample), sample_log_prob])
    standard_error = found.std(axis=1) / np.sqrt(len(sample))
    assert (np.abs(found.mean(axis=1) - expected) < 4 * standard_error + 5e-3).all()


@every_architecture
def test_it_depends_on_the_condition_and_asks_for_it(name):
    flow = build(name, 2, COND_DIM)
    x = jnp.array([[0.3, -0.8]])
    one, other = (log_probs(flow, x, jnp.full(COND_DIM, value)) for value in (0.0, 1.0))
    assert not np.allclose(one, other, atol=1e-4)
    with pytest.raises(ConditionError):
        flow.log_prob(x[0])


@every_architecture
def test_it_refuses_a_condition_it_was_built_without(name):
    flow = build(name, 2, 0)
    with pytest.raises(ConditionError, match="does not depend"):
        flow.log_prob(jnp.zeros(2), jnp.zeros(COND_DIM))
    with pytest.raises(ConditionError, match="does not depend"):
        flow.sample(jr.key(0), jnp.zeros(COND_DIM))


def test_an_unknown_name_or_setting_is_refused_with_the_nearest():
    with pytest.raises(ConfigurationError, match="real-nvp"):
        get_architecture("real-nvq")
    with pytest.raises(ConfigurationError, match="num_layers"):
        get_architecture("nice", layers=3)


@every_architecture
def test_settings_reach_the_architecture(name):
    assert get_architecture(name, width=7).width == 7
