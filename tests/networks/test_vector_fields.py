"""The graph network commutes with what moves a point cloud as a whole."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.errors import ConfigurationError
from retrodict.networks import EquivariantVectorField, VectorField

T = jnp.asarray(0.3)
ORDER = np.array([2, 0, 3, 1, 4])
CLOUD = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
# Of determinant -1: it reflects as well.
REFLECTION = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0].astype(np.float32)
REFLECTION[:, 0] *= -np.sign(np.linalg.det(REFLECTION))

# Each program runs once: the time goes into compiling it.
compiled = functools.partial(eqx.filter_jit, compiler_options={"xla_backend_optimization_level": 0})


def noisy(field, key=1):
    """With parameters away from their start, where the velocity is zero."""
    arrays, static = eqx.partition(field, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(arrays)
    keys = jr.split(jr.key(key), len(leaves))
    leaves = [a + 0.3 * jr.normal(k, a.shape) for a, k in zip(leaves, keys, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, leaves), static)


def field(cond_dim=0, **settings):
    settings = {"width": 8, "num_layers": 2, "num_radial": 4, **settings}
    return noisy(EquivariantVectorField(cond_dim, **settings, key=jr.key(0)))


@functools.cache
def evaluator():
    v = field()
    return compiled(lambda x: v(T, x))


def evaluate(cloud):
    return np.asarray(evaluator()(jnp.asarray(cloud)))


MOVES = {
    "relabelling": (lambda x: x[ORDER], lambda v: v[ORDER]),
    "rotation and reflection": (lambda x: x @ REFLECTION, lambda v: v @ REFLECTION),
    "translation": (lambda x: x + np.float32([3, -1, 2]), lambda v: v),
}


@pytest.mark.parametrize("move", MOVES)
def test_the_velocity_moves_with_the_cloud(move):
    of_cloud, of_velocity = MOVES[move]
    velocity = evaluate(CLOUD)
    assert np.abs(velocity).max() > 0.02
    assert_allclose(evaluate(of_cloud(CLOUD)), of_velocity(velocity), atol=1e-5)


def test_the_velocity_is_no_function_of_single_particles_and_keeps_the_mean():
    velocity = evaluate(CLOUD)
    assert_allclose(velocity.mean(axis=0), 0, atol=1e-6)
    changed = CLOUD.copy()
    changed[0] += 1
    other = evaluate(changed)
    assert (np.abs(other - velocity).max(axis=1) > 1e-4).all()


def test_it_sees_the_time_and_the_condition():
    v = compiled(field(cond_dim=2))
    x = jnp.asarray(CLOUD)
    base = v(T, x, jnp.zeros(2))
    assert np.abs(v(T + 0.5, x, jnp.zeros(2)) - base).max() > 1e-3
    assert np.abs(v(T, x, jnp.ones(2)) - base).max() > 1e-3


def test_derivatives_are_finite_where_particles_meet_and_far_away():
    v = field()
    clouds = jnp.stack([jnp.zeros(CLOUD.shape), 1e4 * jnp.asarray(CLOUD)])
    jacobians = compiled(jax.vmap(jax.jacfwd(lambda x: v(T, x))))(clouds)
    assert np.isfinite(jacobians).all()


def test_fields_start_at_rest():
    x = jnp.asarray(CLOUD)
    cloud = EquivariantVectorField(width=8, num_layers=1, key=jr.key(0))
    assert (compiled(cloud)(T, x) == 0).all()
    vector = VectorField(3, width=8, depth=1, key=jr.key(0))
    assert (compiled(vector)(T, x[0]) == 0).all()


def test_the_time_reaches_a_vector_field_with_and_without_frequencies():
    for num in (0, 3):
        v = noisy(VectorField(3, width=8, depth=1, num_frequencies=num, key=jr.key(0)))
        x = jnp.asarray(CLOUD[0])
        assert np.abs(v(jnp.asarray(0.0), x) - v(jnp.asarray(1.0), x)).max() > 1e-3


def test_settings_that_make_no_sense():
    with pytest.raises(ConfigurationError, match="num_radial=1"):
        field(num_radial=1)
    with pytest.raises(ConfigurationError, match="largest_distance=0"):
        field(largest_distance=0.0)
    with pytest.raises(ConfigurationError, match="num_layers=0"):
        field(num_layers=0)
    with pytest.raises(ConfigurationError, match="frequencies"):
        VectorField(2, num_frequencies=-1, key=jr.key(0))
