"""The masked network: what each output may depend on, and that it does."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from retrodict.errors import ConfigurationError
from retrodict.networks import MaskedMLP

NUM_PARAMETERS, COND_DIM = 2, 3

compiled = functools.partial(eqx.filter_jit, compiler_options={"xla_backend_optimization_level": 0})


def masked(dim, cond_dim=0, width=8, depth=2):
    """With every weight, masked or not, far from zero; a smooth activation sees everything."""
    network = MaskedMLP(dim, NUM_PARAMETERS, cond_dim, width, depth, "tanh", key=jr.key(1))
    rng = np.random.default_rng(2)
    return jax.tree.map(
        lambda leaf: jnp.asarray(leaf + 0.5 * rng.normal(size=leaf.shape), leaf.dtype), network
    )


def dependence(network, dim, cond_dim):
    """Whether any parameter of each entry depends on each entry and on each of the condition."""
    condition = jnp.linspace(-1, 1, cond_dim) if cond_dim else None
    jacobian = compiled(jax.jacfwd(network.__call__, argnums=(0, 1) if cond_dim else (0,)))
    of_x, *of_condition = jacobian(jnp.linspace(-0.5, 0.7, dim), condition)
    return [np.any(np.asarray(of) != 0, axis=1) for of in (of_x, *of_condition)]


@pytest.mark.parametrize(
    ("dim", "cond_dim", "width", "depth"),
    [
        (1, 0, 4, 1),
        (1, COND_DIM, 4, 2),
        (4, 0, 8, 3),
        (5, COND_DIM, 8, 2),
        (6, 0, 2, 2),
        (6, COND_DIM, 1, 1),
    ],
)
def test_each_entry_depends_on_all_before_it_and_on_nothing_else(dim, cond_dim, width, depth):
    of_x, *of_condition = dependence(masked(dim, cond_dim, width, depth), dim, cond_dim)
    assert np.array_equal(of_x, np.tri(dim, k=-1, dtype=bool))
    assert all(of.all() for of in of_condition)


@pytest.mark.parametrize("cond_dim", [0, COND_DIM])
def test_hidden_units_carry_it_without_the_direct_connections(cond_dim):
    network = masked(5, cond_dim, width=6)
    network = eqx.tree_at(lambda n: n.direct, network, jnp.zeros_like(network.direct))
    of_x, *of_condition = dependence(network, 5, cond_dim)
    assert np.array_equal(of_x, np.tri(5, k=-1, dtype=bool))
    assert all(of.all() for of in of_condition)


def test_masks_are_no_parameters():
    network = masked(3, 2, width=8, depth=2)
    sizes = [leaf.size for leaf in jax.tree.leaves(network) if eqx.is_array(leaf)]
    out = 3 * NUM_PARAMETERS
    assert sum(sizes) == (5 * 8 + 8) + (8 * 8 + 8) + (8 * out + out) + 5 * out


def test_masked_weights_get_no_gradient_and_have_no_effect():
    network, x = masked(4), jnp.array([0.3, -0.8, 0.1, 1.2])
    gradient = compiled(eqx.filter_grad(lambda network: (network(x) ** 2).sum()))(network)
    for leaf, slope in zip(jax.tree.leaves(network), jax.tree.leaves(gradient), strict=True):
        if leaf.ndim == 2:
            assert (slope == 0).any()
    changed = jax.tree.map(
        lambda leaf, slope: jnp.where((slope == 0) & (leaf.ndim == 2), leaf + 7, leaf),
        network,
        gradient,
    )
    assert jnp.array_equal(changed(x), network(x))


def test_it_starts_at_zero_with_hidden_units_that_differ():
    network = MaskedMLP(3, NUM_PARAMETERS, 2, 16, 1, "relu", key=jr.key(0))
    assert not network(jnp.ones(3), jnp.ones(2)).any()
    assert len(np.unique(np.asarray(network.layers[0].weight), axis=0)) == 16


def test_initial_weights_are_scaled_to_what_a_unit_sees():
    network = MaskedMLP(20, 1, 0, 400, 1, "relu", key=jr.key(0))
    weight = np.asarray(network.layers[0].weight)
    # Uniform in +-1/sqrt(fan-in): the variance of one weight times the fan-in is a third.
    assert np.isclose((weight[:20, 0] ** 2).mean(), 1 / 3, rtol=0.4)
    assert np.isclose((weight[-20:, :19] ** 2).mean() * 19, 1 / 3, rtol=0.2)


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ConfigurationError, match="width=0"):
        MaskedMLP(3, 2, 0, 0, 1, "relu", key=jr.key(0))
    with pytest.raises(ConfigurationError, match="depth=0"):
        MaskedMLP(3, 2, 0, 8, 0, "relu", key=jr.key(0))
    with pytest.raises(ConfigurationError, match="sine"):
        MaskedMLP(3, 2, 0, 8, 1, "sine", key=jr.key(0))
