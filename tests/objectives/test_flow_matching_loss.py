"""Flow matching against what the loss and its minimum are known to be."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.bijections import Affine, ContinuousFlow
from retrodict.distributions import StandardNormal, Transformed
from retrodict.errors import ConditionError, ConfigurationError
from retrodict.flows import FFJORD
from retrodict.objectives import FlowMatchingLoss, flow_matching

# Rows from N(3 c + 1, 0.5^2 I): the best velocity is known.
SCALE = 0.5


class Best(eqx.Module):
    """E[x_1 - x_0 | x_t = x], by the regression of one normal number on another."""

    slope: jax.Array
    shift: jax.Array

    def __call__(self, t, x, condition):
        mean = self.slope * condition + self.shift
        variance = (1 - t) ** 2 + t**2 * SCALE**2
        return mean + (t * SCALE**2 - (1 - t)) / variance * (x - t * mean)


def model(slope=3.0, shift=1.0):
    field = Best(jnp.asarray(slope), jnp.asarray(shift))
    return Transformed(StandardNormal((2,)), ContinuousFlow(field, (2,), (2,)))


def rows(num, seed=0):
    c, noise = np.random.default_rng(seed).normal(size=(2, num, 2))
    return jnp.asarray(3 * c + 1 + SCALE * noise, jnp.float32), jnp.asarray(c, jnp.float32)


@pytest.mark.parametrize("power", [0.0, 1.5])
def test_its_least_value_is_what_x_t_does_not_tell(power):
    """int Var(x_1 - x_0 | x_t) (1 + p) t^p dt for two normal numbers, by quadrature."""
    t = (np.arange(10_000) + 0.5) / 10_000
    unknown = SCALE**2 / ((1 - t) ** 2 + t**2 * SCALE**2)
    expected = (unknown * (1 + power) * t**power).mean()
    loss = eqx.filter_jit(FlowMatchingLoss(time_power=power) if power else flow_matching)
    losses = np.array([loss(model(), rows(2000, i), jr.key(i)) for i in range(10)])
    assert abs(losses.mean() - expected) < 4 * losses.std(ddof=1) / np.sqrt(len(losses))
    for slope, shift in [(2.8, 1.0), (3.2, 1.0), (3.0, 0.8), (3.0, 1.2)]:
        worse = [loss(model(slope, shift), rows(2000, i), jr.key(i)) for i in range(10)]
        assert np.mean(worse) > losses.mean() + 0.005


def test_the_flow_of_the_best_velocity_is_the_density_of_the_rows():
    x, c = rows(20)
    found = eqx.filter_jit(lambda x, c: jax.vmap(model().log_prob)(x, c))(x, c)
    z = (x - 3 * c - 1) / SCALE
    expected = (-0.5 * z**2 - np.log(SCALE) - 0.5 * np.log(2 * np.pi)).sum(axis=1)
    assert_allclose(found, expected, atol=1e-3)


def test_a_key_decides_it_and_more_pairs_make_it_quieter():
    batch = rows(64)
    assert flow_matching(model(), batch, jr.key(1)) == flow_matching(model(), batch, jr.key(1))
    spread = {}
    for num_pairs in (1, 8):
        loss = eqx.filter_jit(FlowMatchingLoss(num_pairs=num_pairs))
        spread[num_pairs] = np.std([loss(model(), batch, jr.key(i)) for i in range(40)])
    assert spread[8] < 0.6 * spread[1]


def test_a_coupling_moves_the_base_draws_of_the_loss():
    """With x_0 = x_1 nothing has to move: the velocity 0 has loss 0."""
    flow = FFJORD(width=8, depth=1).build(2, key=jr.key(0))
    x, _ = rows(16)
    assert FlowMatchingLoss(couple=lambda x0, x1, key: x1)(flow, (x, None), jr.key(1)) == 0
    assert FlowMatchingLoss()(flow, (x, None), jr.key(1)) > 1


def test_gradients_reach_every_parameter():
    flow = FFJORD(width=8, depth=1).build(2, 2, key=jr.key(0))
    gradient = eqx.filter_grad(flow_matching)(flow, rows(8), jr.key(1))
    last = gradient.bijection.vector_field.network.last
    assert (np.abs(last.weight) > 0).all()
    assert (np.abs(last.bias) > 0).all()


def test_what_cannot_be_matched_is_refused():
    x, c = rows(4)
    affine = Transformed(StandardNormal((2,)), Affine(jnp.zeros(2), jnp.ones(2)))
    with pytest.raises(ConfigurationError, match="Transformed by Affine"):
        flow_matching(affine, (x, None), jr.key(0))
    with pytest.raises(ConfigurationError, match="got StandardNormal"):
        flow_matching(StandardNormal((2,)), (x, None), jr.key(0))
    with pytest.raises(ConfigurationError, match="num_pairs=0"):
        FlowMatchingLoss(num_pairs=0)
    with pytest.raises(ConfigurationError, match=r"time_power=-1\.0"):
        FlowMatchingLoss(time_power=-1.0)
    with pytest.raises(ConditionError):
        flow_matching(model(), (x, None), jr.key(0))
    with pytest.raises(ConditionError):
        flow_matching(FFJORD(width=8, depth=1).build(2, key=jr.key(0)), (x, c), jr.key(0))
