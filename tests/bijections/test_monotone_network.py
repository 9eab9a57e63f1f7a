"""The monotone network: its bounds, its inverse far outside, its implicit derivatives."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.bijections import MonotoneNetworkTransformer, Tolerance, without_throw
from retrodict.errors import ConfigurationError

NETWORK = MonotoneNetworkTransformer(num_units=6)
FAR = np.array([-1e6, -1e4, -20.0, 20.0, 1e4, 1e6])


def parameters(scale, num=400):
    shape = (num, NETWORK.num_parameters)
    return jnp.asarray(scale * np.random.default_rng(8).normal(size=shape), float)


compiled = functools.partial(eqx.filter_jit, compiler_options={"xla_backend_optimization_level": 0})


@compiled
def forward(network, x, parameters):
    return jax.vmap(network.forward_and_log_det)(x, parameters)


@compiled
def inverse(network, z, parameters):
    return jax.vmap(network.inverse_and_log_det)(z, parameters)


def test_it_starts_as_the_identity():
    x = jnp.concatenate([jnp.linspace(-6, 6, 301), jnp.asarray(FAR, jnp.float32)])
    z, log_det = forward(NETWORK, x, jnp.zeros((x.size, NETWORK.num_parameters)))
    assert_allclose(z, x, rtol=1e-6, atol=1e-6)
    assert_allclose(log_det, 0, atol=2e-6)


def test_every_unit_starts_with_its_own_gradient():
    x = jnp.linspace(-2, 2, 50)

    def loss(parameters):
        z, log_det = jax.vmap(NETWORK.forward_and_log_det, (0, None))(x, parameters)
        return ((z - x**3 - x**2) ** 2 - log_det).mean()

    slopes = np.asarray(compiled(jax.grad(loss))(jnp.zeros(NETWORK.num_parameters))).reshape(3, -1)
    for of_kind in slopes:
        assert (of_kind != 0).all()
        assert np.diff(np.sort(of_kind)).min() > 1e-5


@pytest.mark.parametrize("scale", [0.3, 3.0, 30.0])
def test_the_slope_is_exact_and_bounded_away_from_zero(scale):
    with jax.enable_x64(True):
        x = jnp.linspace(-8, 8, 400)
        log_det = forward(NETWORK, x, parameters(scale))[1]
        value = lambda x, p: NETWORK.forward_and_log_det(x, p)[0]  # noqa: E731
        slope = np.asarray(compiled(jax.vmap(jax.grad(value)))(x, parameters(scale)))
    assert_allclose(log_det, np.log(slope), atol=1e-9)
    assert slope.min() > 0.0099


def test_the_slope_is_one_far_outside():
    assert_allclose(
        forward(NETWORK, jnp.asarray(FAR, float), parameters(1.0, FAR.size))[1], 0, atol=1e-5
    )


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_round_trips_in_single_precision(scale):
    x = np.linspace(-8, 8, 400, dtype=np.float32)
    z, log_det = forward(NETWORK, x, parameters(scale))
    returned, back_log_det = inverse(NETWORK, z, parameters(scale))
    # Where the slope is .01, an error of one bit of z is one of 100 bits of x.
    assert_allclose(returned, x, atol=3e-5)
    assert_allclose(back_log_det, -log_det, atol=3e-4)
    assert_allclose(forward(NETWORK, returned, parameters(scale))[0], z, atol=1e-5)


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_the_bracket_holds_far_outside(scale):
    z = jnp.asarray(FAR, jnp.float32)
    x, _ = inverse(NETWORK, z, parameters(scale, FAR.size))
    assert_allclose(forward(NETWORK, x, parameters(scale, FAR.size))[0], z, rtol=2e-6, atol=1e-4)


def test_a_bisection_that_may_not_finish_is_an_error_or_nan():
    hasty = MonotoneNetworkTransformer(num_units=6, tolerance=Tolerance(max_steps=5))
    invert = compiled(lambda network, z: network.inverse_and_log_det(z, parameters(1.0)[0]))
    with pytest.raises(eqx.EquinoxRuntimeError, match=r"monotone network did not reach.*5 steps"):
        invert(hasty, jnp.array(0.3))
    assert np.isnan(invert(without_throw(hasty), jnp.array(0.3))).all()
    assert np.isfinite(invert(NETWORK, jnp.array(0.3))).all()


def test_not_a_number_is_not_inverted():
    with pytest.raises(eqx.EquinoxRuntimeError, match="did not reach"):
        inverse(NETWORK, jnp.array([jnp.nan]), parameters(1.0, 1))


def test_derivatives_of_the_inverse():
    """Against the implicit formula, and those of the log-derivative against differences."""
    with jax.enable_x64(True):
        network = MonotoneNetworkTransformer(num_units=6, tolerance=Tolerance(1e-12, 1e-12))
        p, z = parameters(1.0)[0], jnp.array(0.7)
        flat, step = jnp.concatenate([z[None], p]), 1e-5

        @compiled
        def derivatives(flat):
            x, log_det = network.inverse_and_log_det(flat[0], flat[1:])
            of_inverse = jax.grad(lambda f: network.inverse_and_log_det(f[0], f[1:])[0])(flat)
            of_value = jax.grad(lambda f: network.forward_and_log_det(f[0], f[1:])[0])
            return log_det, of_inverse, of_value(flat.at[0].set(x))

        log_det, of_inverse, of_value = map(np.asarray, derivatives(flat))
        assert_allclose(of_inverse[0], 1 / of_value[0], rtol=1e-9)
        assert_allclose(of_inverse[0], np.exp(log_det), rtol=1e-9)
        assert_allclose(of_inverse[1:], -of_value[1:] / of_value[0], rtol=1e-9, atol=1e-12)

        @compiled
        def log_derivatives(flat):
            return jax.vmap(lambda f: network.inverse_and_log_det(f[0], f[1:])[1])(flat)

        steps = step * jnp.eye(flat.size)
        differences = (log_derivatives(flat + steps) - log_derivatives(flat - steps)) / (2 * step)
        found = compiled(jax.grad(lambda f: network.inverse_and_log_det(f[0], f[1:])[1]))(flat)
        assert_allclose(found, differences, rtol=1e-5, atol=1e-8)


def test_a_network_of_one_unit_or_without_a_box_is_refused():
    with pytest.raises(ConfigurationError, match="two units"):
        MonotoneNetworkTransformer(num_units=1)
    with pytest.raises(ConfigurationError, match="bound"):
        MonotoneNetworkTransformer(bound=0.0)
