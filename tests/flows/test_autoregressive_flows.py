"""Autoregressive flows: passes of the network, orders, settings."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.errors import ConfigurationError
from retrodict.flows import IAF, MAF, NeuralAutoregressive, get_architecture

NUM_LAYERS, DIM = 3, 4
SMALL = {"num_layers": NUM_LAYERS, "width": 8, "depth": 1}
AFFINE = {**SMALL, "transformer": "affine"}


class Counted(eqx.Module):
    """A network that counts how often it is evaluated: when it runs, not when it is traced."""

    network: eqx.Module
    count: list[int] = eqx.field(static=True)

    def __call__(self, x, condition=None):
        jax.debug.callback(lambda: self.count.__setitem__(0, self.count[0] + 1))
        return self.network(x, condition)


def counted(flow, where):
    count = [0]
    flow = eqx.tree_at(where, flow, replace_fn=lambda network: Counted(network, count))
    return flow, count


def passes(count, method, *args):
    count[0] = 0
    options = {"xla_backend_optimization_level": 0}
    jax.block_until_ready(eqx.filter_jit(method, compiler_options=options)(*args))
    jax.effects_barrier()
    return count[0]


def layer_of(flow):
    return flow.bijection.layers.bijections[1]


@pytest.mark.parametrize("name", ["maf", "neural-autoregressive"])
def test_a_density_takes_one_pass_per_layer(name):
    flow = get_architecture(name, **SMALL).build(DIM, 2, key=jr.key(0))
    flow, count = counted(flow, lambda flow: layer_of(flow).network)
    condition = jnp.ones(2)
    assert passes(count, flow.log_prob, jnp.ones(DIM), condition) == NUM_LAYERS
    assert passes(count, flow.sample, jr.key(1), condition) == NUM_LAYERS * DIM


def test_a_draw_of_the_inverse_flow_takes_one_pass_per_layer():
    flow = IAF(**AFFINE).build(DIM, 2, key=jr.key(0))
    flow, count = counted(flow, lambda flow: layer_of(flow).bijection.network)
    condition = jnp.ones(2)
    assert passes(count, flow.sample, jr.key(1), condition) == NUM_LAYERS
    assert passes(count, flow.sample_and_log_prob, jr.key(1), condition) == NUM_LAYERS
    assert passes(count, flow.log_prob, jnp.ones(DIM), condition) == NUM_LAYERS * DIM


@pytest.mark.parametrize("architecture", [MAF, IAF])
def test_the_only_loop_of_the_fast_direction_is_over_layers(architecture):
    flow = architecture(**AFFINE).build(DIM, key=jr.key(0))
    fast = flow.bijection.forward if architecture is MAF else flow.bijection.inverse
    slow = flow.bijection.inverse if architecture is MAF else flow.bijection.forward
    count = lambda run: str(jax.make_jaxpr(run)(jnp.zeros(DIM))).count("scan[")  # noqa: E731
    assert (count(fast), count(slow)) == (1, 2)


@pytest.mark.parametrize("order", ["reverse", "random"])
def test_every_entry_depends_on_every_other(order):
    flow = MAF(**AFFINE, order=order, activation="tanh").build(DIM, key=jr.key(3))
    flow = jax.tree.map(
        lambda leaf: leaf + 0.3 if eqx.is_inexact_array(leaf) else leaf,
        flow,
    )
    jacobian = jax.jit(jax.jacfwd(flow.bijection.forward))(jnp.linspace(-1, 1, DIM))
    assert (jacobian != 0).all()


def test_orders():
    def orders(order):
        flow = MAF(num_layers=4, width=4, depth=1, order=order).build(5, key=jr.key(0))
        return np.asarray(flow.bijection.layers.bijections[0].order)

    assert_allclose(orders("reverse")[:2], [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0]])
    assert len(np.unique(orders("random"), axis=0)) == 4
    with pytest.raises(ConfigurationError, match="sorted"):
        orders("sorted")


@pytest.mark.parametrize("architecture", [MAF, IAF])
def test_the_transformer_is_chosen_by_name(architecture):
    flow = architecture(**SMALL, transformer="affine", clamp=1.5).build(2, key=jr.key(0))
    layer = layer_of(flow) if architecture is MAF else layer_of(flow).bijection
    assert layer.transformer.clamp == 1.5
    with pytest.raises(ConfigurationError, match="Did you mean 'affine'"):
        architecture(**SMALL, transformer="afine").build(2, key=jr.key(0))


def test_a_new_flow_is_the_identity():
    x = jnp.array([0.5, -1.0, 2.0, 0.1])
    for architecture in (MAF, IAF, NeuralAutoregressive):
        flow = architecture(**SMALL).build(DIM, key=jr.key(0))
        # Up to the order of the entries, which the stack changes.
        z, log_det = eqx.filter_jit(flow.bijection.forward_and_log_det)(x)
        assert_allclose(np.sort(z), np.sort(x), atol=1e-5)
        assert_allclose(log_det, 0, atol=1e-5)
