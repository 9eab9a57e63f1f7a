"""The augmented Lagrangian of a normal, against its closed form."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.distributions import Normal
from retrodict.objectives import AugmentedLagrangian, draw_key

LOC, SCALE = 0.7, 1.3
MULTIPLIERS, VALUES = np.array([0.4, -0.3]), np.array([1.0, 2.0])
METRIC = np.array([[2.0, 0.5], [0.5, 1.0]])
PENALTY = 3.0


def doubled(y):
    """The support's map x = 2 y."""
    return 2 * y, jnp.full((), len(y) * np.log(2.0), y.dtype)


def lagrangian():
    return AugmentedLagrangian(
        moments=lambda x: jnp.concatenate([x, x**2]),
        support=doubled,
        values=jnp.asarray(VALUES, float),
        multipliers=jnp.asarray(MULTIPLIERS, float),
        penalty=jnp.asarray(PENALTY, float),
        metric=jnp.asarray(METRIC, float),
    )


def expected(parameters):
    """L of x ~ N(2 loc, (2 scale)^2)."""
    loc, log_scale = parameters
    variance = 4 * jnp.exp(2 * log_scale)
    entropy = 0.5 * jnp.log(2 * jnp.pi * jnp.e * variance)
    residual = jnp.stack([2 * loc, 4 * loc**2 + variance]) - VALUES
    return -entropy + MULTIPLIERS @ residual + 0.5 * PENALTY * residual @ METRIC @ residual


@pytest.fixture(scope="module")
def batches():
    """Values and gradients over many batches of few draws."""
    with jax.enable_x64(True):
        loss = lagrangian()

        def value(parameters, key):
            model = eqx.tree_at(
                lambda m: (m.loc, m.log_scale), Normal(jnp.zeros(1), jnp.ones(1)), parameters
            )
            return loss(model, jax.vmap(draw_key)(jax.random.split(key, 8)), key)

        parameters = (jnp.array([LOC]), jnp.array([np.log(SCALE)]))
        keys = jax.random.split(jax.random.key(0), 20_000)
        found = jax.jit(jax.vmap(jax.value_and_grad(value), (None, 0)))(parameters, keys)
        values, gradients = found
        return np.asarray(values), np.concatenate([np.asarray(g) for g in gradients], axis=1)


def test_small_batches_are_unbiased(batches):
    values, _ = batches
    exact = expected((LOC, np.log(SCALE)))
    assert abs(values.mean() - exact) < 4 * values.std() / np.sqrt(len(values))


def test_gradients_of_small_batches_are_unbiased(batches):
    _, gradients = batches
    exact = jax.grad(lambda p: expected(p))(jnp.array([LOC, np.log(SCALE)]))
    errors = gradients.std(axis=0) / np.sqrt(len(gradients))
    assert (np.abs(gradients.mean(axis=0) - exact) < 4 * errors).all()
    assert (np.abs(exact) > 20 * errors).all()


def test_a_draw_carries_its_density_in_the_support(key):
    batch = jax.vmap(draw_key)(jax.random.split(key, 5))
    draws = lagrangian().draw(Normal(jnp.zeros(2), jnp.ones(2)), batch, key)
    halves = Normal(jnp.zeros(2), jnp.full(2, 2.0))
    assert_allclose(draws.log_prob, jax.vmap(halves.log_prob)(draws.x), rtol=1e-5)
    assert_allclose(draws.moments, np.concatenate([draws.x, draws.x**2], axis=1), rtol=1e-6)
