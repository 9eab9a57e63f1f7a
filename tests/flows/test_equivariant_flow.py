"""The flow of point clouds: a density on the subspace that no motion of space changes."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import scipy.linalg
from numpy.testing import assert_allclose

from retrodict.flows import EquivariantFlow

# Each program runs once: the time goes into compiling it.
compiled = functools.partial(eqx.filter_jit, compiler_options={"xla_backend_optimization_level": 0})

SHAPE = (4, 2)
SMALL = {"width": 8, "num_layers": 1, "num_radial": 4, "num_frequencies": 1}
CLOUD = np.random.default_rng(0).normal(size=SHAPE)
CLOUD -= CLOUD.mean(axis=0)


def build(cond_dim=0, **settings):
    """A small flow whose parameters are not at their start, where it stands still."""
    flow = EquivariantFlow(*SHAPE, **SMALL, **settings).build(cond_dim, key=jr.key(0))
    arrays, static = eqx.partition(flow, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(arrays)
    keys = jr.split(jr.key(1), len(leaves))
    leaves = [a + 0.5 * jr.normal(k, a.shape) for a, k in zip(leaves, keys, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, leaves), static)


def moved(rng, cloud):
    """All four at once; each alone is tried on the velocity."""
    q = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    q[:, 0] *= rng.choice([-1, 1])
    return cloud[rng.permutation(4)] @ q + 3 * rng.normal(size=2)


def test_no_motion_of_space_changes_the_density():
    rng = np.random.default_rng(2)
    flow = build()
    clouds = [CLOUD, *(moved(rng, CLOUD) for _ in range(20)), 1.3 * CLOUD]
    log_probs = compiled(lambda x: jax.vmap(flow.log_prob)(x))
    found = log_probs(jnp.asarray(np.stack(clouds), jnp.float32))
    assert_allclose(found[1:-1], np.full(20, found[0]), atol=1e-4)
    assert abs(found[-1] - found[0]) > 0.1


def test_the_log_det_is_that_of_the_map_of_the_subspace():
    """The Jacobian in an orthonormal basis of the clouds whose mean is zero."""
    basis = np.kron(scipy.linalg.null_space(np.ones((1, 4))).T, np.eye(2))

    def coordinates(coordinates):
        x = (coordinates @ jnp.asarray(basis)).reshape(SHAPE)
        z, log_det = flow.bijection.forward_and_log_det(x)
        return jnp.asarray(basis) @ z.reshape(-1), (log_det, flow.log_prob(x), z)

    with jax.enable_x64(True):
        flow = build(atol=1e-9, adjoint="direct")
        there = compiled(lambda start: jax.jacfwd(coordinates, has_aux=True)(start))
        found = there(jnp.asarray(basis @ CLOUD.reshape(-1)))
    jacobian, (log_det, log_prob, z) = jax.tree.map(np.asarray, found)
    assert_allclose(z.mean(axis=0), 0, atol=1e-12)
    assert abs(log_det) > 0.01
    assert_allclose(log_det, np.linalg.slogdet(jacobian).logabsdet, atol=1e-6)
    of_base = -0.5 * (z**2).sum() - 3 * np.log(2 * np.pi)
    assert_allclose(log_prob, of_base + log_det, atol=1e-6)


def test_draws_have_mean_zero_and_go_back():
    flow = build()
    x = compiled(lambda flow: flow.sample_many(jr.key(3), 20))(flow)
    assert_allclose(x.mean(axis=1), 0, atol=1e-5)
    back = jax.vmap(lambda x: flow.bijection.inverse(flow.bijection.forward(x)))
    assert_allclose(compiled(back)(x), x, atol=1e-3)


def test_it_takes_a_condition():
    flow = build(cond_dim=2)
    assert (flow.shape, flow.cond_shape) == (SHAPE, (2,))
    v = flow.bijection.velocity
    x, t = jnp.asarray(CLOUD, jnp.float32), jnp.asarray(0.5)
    assert np.abs(v(t, x, jnp.zeros(2)) - v(t, x, jnp.ones(2))).max() > 1e-4
