"""What is promised of coupling flows in particular: halves by turns, volumes, one scan."""

import functools

import equinox as eqx
import jax
import jax.extend.core
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.bijections import Permutation
from retrodict.flows import ARCHITECTURES, get_architecture
from retrodict.flows.coupling import AbstractCouplingFlow, coupling_orders

COND_DIM = 2
SMALL = {"width": 8, "depth": 1}
COUPLING_FLOWS = [
    name for name, kind in ARCHITECTURES.items() if issubclass(kind, AbstractCouplingFlow)
]


def num_equations(jaxpr):
    inner = [
        num_equations(part)
        for equation in jaxpr.eqns
        for part in jax.extend.core.jaxprs_in_params(equation.params)
    ]
    return len(jaxpr.eqns) + sum(inner)


def program_sizes(name, num_layers):
    """Operations in the compiled gradient of the log-density, and in a draw."""
    flow = get_architecture(name, num_layers=num_layers, **SMALL).build(3, COND_DIM, key=jr.key(0))
    arrays, static = eqx.partition(flow, eqx.is_array)
    condition = jnp.zeros(COND_DIM)

    def gradient(x):
        log_prob = lambda flow, x: flow.log_prob(x, condition)  # noqa: E731
        return eqx.filter_grad(log_prob)(eqx.combine(arrays, static), x)

    return (
        num_equations(jax.make_jaxpr(gradient)(jnp.zeros(3)).jaxpr),
        num_equations(jax.make_jaxpr(lambda key: flow.sample(key, condition))(jr.key(0)).jaxpr),
    )


@pytest.mark.parametrize("name", COUPLING_FLOWS)
def test_what_is_compiled_does_not_grow_with_the_depth(name):
    """32 blocks of two couplings against 4."""
    assert program_sizes(name, 64) == program_sizes(name, 8)


@pytest.mark.parametrize("dim", [2, 3, 4, 5, 7])
def test_a_block_moves_every_entry_and_an_even_number_once(dim):
    orders = coupling_orders(dim, 6, jr.key(0))
    for first, second in zip(orders[::2], orders[1::2], strict=True):
        moved_first = set(first[dim // 2 :])
        moved_second = set(first[second[dim // 2 :]])
        assert moved_first | moved_second == set(range(dim))
        assert len(moved_first & moved_second) == dim % 2


@pytest.mark.parametrize("dim", [4, 6, 7])
def test_blocks_bring_new_entries_together(dim):
    """Of the entries kept together in one block, some are parted in the next."""
    orders = coupling_orders(dim, 4, jr.key(0))
    place = np.arange(dim)
    kept = []
    for order in orders:
        place = place[order]
        kept.append(frozenset(place[: dim // 2].tolist()))
    assert kept[2] not in kept[:2]


def randomised(name, dim, num_layers=4):
    flow = get_architecture(name, num_layers=num_layers, **SMALL).build(
        dim, COND_DIM, key=jr.key(0)
    )
    arrays, static = eqx.partition(flow, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(arrays)
    keys = jr.split(jr.key(1), len(leaves))
    leaves = [a + 0.3 * jr.normal(k, a.shape) for a, k in zip(leaves, keys, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, leaves), static)


@functools.cache
def log_dets(name):
    """At ten points under ten conditions."""
    flow = randomised(name, 4)
    x, condition = jr.normal(jr.key(2), (10, 4)), jr.normal(jr.key(3), (10, COND_DIM))
    run = jax.jit(jax.vmap(lambda x, c: flow.bijection.forward_and_log_det(x, c)))
    return np.asarray(run(x, condition)[1])


def test_gin_preserves_volumes_and_learns_its_base():
    assert_allclose(log_dets("gin"), 0, atol=1e-5)
    log_prob = lambda flow: flow.log_prob(jnp.ones(4), jnp.ones(COND_DIM))  # noqa: E731
    gradient = eqx.filter_jit(eqx.filter_grad(log_prob))(randomised("gin", 4))
    assert gradient.base.loc.all()
    assert gradient.base.log_scale.all()


def test_nice_changes_all_volumes_by_one_learned_factor():
    assert_allclose(log_dets("nice"), log_dets("nice")[0], rtol=1e-6)
    assert abs(log_dets("nice")[0]) > 0.1


def test_real_nvp_changes_volumes_from_place_to_place():
    assert np.ptp(log_dets("real-nvp")) > 0.1


@pytest.mark.parametrize("name", COUPLING_FLOWS)
def test_a_new_flow_only_moves_entries_about_or_rotates_them(name):
    flow = get_architecture(name, num_layers=4, **SMALL).build(3, COND_DIM, key=jr.key(0))
    x, condition = jnp.array([0.3, -1.0, 2.0]), jnp.ones(COND_DIM)
    forward = lambda x: flow.bijection.forward_and_log_det(x, condition)  # noqa: E731
    (z, log_det), (matrix, _) = jax.jit(lambda x: (forward(x), jax.jacfwd(forward)(x)))(x)
    assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-5)
    assert_allclose(z, matrix @ x, atol=1e-5)
    assert_allclose(log_det, 0, atol=1e-5)


def test_reordering_is_not_trained():
    is_node = lambda node: isinstance(node, Permutation)  # noqa: E731
    flow = randomised("real-nvp", 4)
    nodes = [node for node in jax.tree.leaves(flow, is_leaf=is_node) if is_node(node)]
    assert nodes
    assert not any(jax.tree.leaves(eqx.filter(nodes, eqx.is_inexact_array)))
