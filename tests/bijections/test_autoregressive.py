"""Autoregressive layers: the triangle, the scan, and every transformer."""

import functools

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from bijection_case import randomise
from numpy.testing import assert_allclose

from retrodict.bijections import (
    AffineTransformer,
    MaskedAutoregressive,
    VolumePreservingAffineTransformer,
)
from retrodict.bijections.transformers import AbstractTransformer
from retrodict.errors import ConfigurationError
from retrodict.flows.elementwise import ELEMENTWISE, build_transformer

X = np.array([0.4, -1.1, 0.8, 0.2])

fast_to_compile = functools.partial(
    eqx.filter_jit, compiler_options={"xla_backend_optimization_level": 0}
)


def layer(transformer, dim=4, cond_dim=0):
    key_build, key_noise = jr.split(jr.key(6))
    built = MaskedAutoregressive(transformer, dim, cond_dim, width=8, depth=1, key=key_build)
    return randomise(built, key_noise)


def both_ways(bijection, x):
    z, log_det = bijection.forward_and_log_det(x)
    return z, log_det, jax.jacfwd(bijection.forward)(x), *bijection.inverse_and_log_det(z)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_transformer_is_undone_and_has_a_triangular_jacobian(name):
    with jax.enable_x64(True):
        bijection = layer(build_transformer(name, num_bins=4))
        x = jnp.asarray(X)
        found = fast_to_compile(both_ways)(bijection, x)
    z, log_det, jacobian, returned, back_log_det = map(np.asarray, found)
    assert np.array_equal(jacobian, np.tril(jacobian))
    assert (np.tril(jacobian) != 0)[np.tri(4, dtype=bool)].all()
    assert_allclose(log_det, np.log(np.diag(jacobian)).sum(), atol=1e-9)
    assert_allclose(returned, x, atol=1e-7)
    assert_allclose(back_log_det, -log_det, atol=1e-6)
    assert not np.allclose(z, x, atol=1e-2)


def test_entries_are_found_one_after_another():
    """The inverse by hand: each entry from those before it."""
    bijection = layer(AffineTransformer())
    z, x = jnp.asarray(X, jnp.float32), jnp.zeros(4)
    for i in range(4):
        parameters = bijection.network(x)[i]
        x = x.at[i].set(AffineTransformer().inverse_and_log_det(z[i], parameters)[0])
    assert_allclose(fast_to_compile(bijection.inverse)(z), x, rtol=1e-5)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_programs_do_not_grow_with_the_dimension(direction):
    def num_equations(dim):
        bijection = MaskedAutoregressive(AffineTransformer(), dim, 2, width=8, key=jr.key(0))
        jaxpr = jax.make_jaxpr(getattr(bijection, direction))(jnp.zeros(dim), jnp.zeros(2))
        return str(jaxpr).count(" = "), str(jaxpr).count("scan["), str(jaxpr).count("while[")

    assert num_equations(3) == num_equations(30)
    assert num_equations(3)[1:] == ((0, 0) if direction == "forward" else (1, 0))


class CumulativeShift(AbstractTransformer):
    """z_i = x_i + t_1 + ... + t_i: tied to the entries before."""

    @property
    def num_parameters(self):
        return 1

    def tie(self, parameters):
        return jnp.cumsum(parameters, axis=0)

    def forward_and_log_det(self, x, parameters):
        return x + parameters[0], jnp.zeros_like(x)

    def inverse_and_log_det(self, z, parameters):
        return z - parameters[0], jnp.zeros_like(z)


def test_parameters_are_tied_in_both_directions():
    bijection = layer(CumulativeShift())
    x = jnp.asarray(X, jnp.float32)
    z = fast_to_compile(bijection.forward)(x)
    assert_allclose(z, x + jnp.cumsum(bijection.network(x)[:, 0]), rtol=1e-5)
    assert_allclose(fast_to_compile(bijection.inverse)(z), x, atol=1e-5)


def test_a_transformer_tied_to_later_entries_is_refused():
    with pytest.raises(ConfigurationError, match=r"VolumePreserving.*later"):
        layer(VolumePreservingAffineTransformer())
    with pytest.raises(ConfigurationError, match="later"):
        eqx.filter_eval_shape(layer, VolumePreservingAffineTransformer())


def test_gradients_through_the_scan_are_those_of_finite_differences():
    with jax.enable_x64(True):
        bijection = layer(AffineTransformer(), dim=3)
        arrays, static = eqx.partition(bijection, eqx.is_inexact_array)
        flat, unflatten = jax.flatten_util.ravel_pytree((arrays, jnp.asarray(X[:3])))

        @jax.jit
        def loss(flat):
            arrays, z = unflatten(flat)
            x, log_det = eqx.combine(arrays, static).inverse_and_log_det(z)
            return x @ jnp.array([1.0, -2.0, 0.5]) + log_det

        direction = jr.normal(jr.key(1), flat.shape)
        step = 1e-5
        expected = (loss(flat + step * direction) - loss(flat - step * direction)) / (2 * step)
        assert_allclose(jax.grad(loss)(flat) @ direction, expected, rtol=1e-6)
