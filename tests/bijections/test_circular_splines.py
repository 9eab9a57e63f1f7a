"""Maps of angles: no seam on the circle, none on the torus."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from bijection_case import randomise
from numpy.testing import assert_allclose

from retrodict.bijections import (
    AffineTransformer,
    Chain,
    CircularSplineTransformer,
    ComposedTransformer,
    Coupling,
    MaskedAutoregressive,
    Permutation,
)
from retrodict.bijections.circular_spline import wrap
from retrodict.distributions import Transformed, Uniform
from retrodict.errors import ConfigurationError

SPLINE = CircularSplineTransformer(num_bins=4)
PARAMETERS = np.random.default_rng(3).normal(size=SPLINE.num_parameters)

compiled = functools.partial(eqx.filter_jit, compiler_options={"xla_backend_optimization_level": 0})


@compiled
@functools.partial(eqx.filter_vmap, in_axes=(0, None))
def forward(x, raw):
    return SPLINE.forward_and_log_det(x, raw)


@compiled
@functools.partial(eqx.filter_vmap, in_axes=(0, None))
def inverse(z, raw):
    return SPLINE.inverse_and_log_det(z, raw)


def on_circle(angle):
    return np.stack([np.cos(angle), np.sin(angle)])


def test_parameters_of_zero_are_the_identity():
    x = jnp.linspace(-np.pi, 3.14, 50, dtype=jnp.float32)
    z, log_det = forward(x, jnp.zeros(SPLINE.num_parameters))
    assert_allclose(z, x, atol=1e-6)
    assert_allclose(log_det, 0, atol=1e-6)


def test_it_covers_the_circle_once():
    edges = np.linspace(-np.pi, np.pi, 4001)
    middle = (edges[1:] + edges[:-1]) / 2
    with jax.enable_x64(True):
        z, log_det = forward(jnp.asarray(middle), jnp.asarray(PARAMETERS))
        x, back = inverse(z, jnp.asarray(PARAMETERS))
    z, density = np.asarray(z), np.exp(log_det)
    assert_allclose(density.mean(), 1, atol=1e-4)
    assert_allclose(x, middle, atol=1e-10)
    assert_allclose(back, -log_det, atol=1e-10)
    # The angle turned since the first, wherever the values wrap.
    steps = (density[1:] + density[:-1]) / 2 * (edges[1] - edges[0])
    assert_allclose(np.unwrap(z)[1:] - z[0], np.cumsum(steps), atol=2e-3)
    assert ((z >= -np.pi) & (z < np.pi)).all()
    assert (np.diff(z) < 0).sum() == 1


def test_value_and_derivative_are_continuous_across_the_seam():
    with jax.enable_x64(True):
        raw = jnp.asarray(PARAMETERS)
        seam = jnp.asarray([-np.pi, np.nextafter(np.pi, 0), -np.pi + 1e-9, np.pi - 1e-9])
        for step in (forward, inverse):
            y, log_det = step(seam, raw)
            assert_allclose(on_circle(y[1:]), on_circle(y[:1]) * np.ones(3), atol=1e-7)
            assert_allclose(log_det[1:], log_det[0], atol=1e-6)
        # The derivative there is a parameter of its own, the last but one.
        seam_derivative = 1e-3 + np.logaddexp(0, PARAMETERS[-2] + np.log(np.expm1(1 - 1e-3)))
        assert_allclose(np.exp(forward(seam, raw)[1]), seam_derivative, rtol=1e-6)


def test_angles_are_taken_modulo_full_turns():
    x = np.random.default_rng(0).uniform(-np.pi, np.pi, 50)
    with jax.enable_x64(True):
        raw = jnp.asarray(PARAMETERS)
        for step in (forward, inverse):
            expected, log_det = step(jnp.asarray(x), raw)
            for turns in (-3, 1):
                found, again = step(jnp.asarray(x + 2 * np.pi * turns), raw)
                assert_allclose(on_circle(found), on_circle(expected), atol=1e-12)
                assert_allclose(again, log_det, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_wrapped_angles_lie_in_the_half_open_circle(dtype):
    with jax.enable_x64(dtype == "float64"):
        pi = np.asarray(np.pi, dtype)
        special = [-pi, pi, np.nextafter(-pi, -9 * pi), np.nextafter(pi, 0 * pi), 3 * pi, -3 * pi]
        angles = jnp.asarray([*special, 0.0, -0.0, 100.0, -1e4], dtype)
        found = compiled(eqx.filter_vmap(wrap))(angles)
        assert ((found >= -pi) & (found < pi)).all()
        assert found[0] == -pi
        assert found[3] == special[3]


def torus(kept_is_circular=None):
    """A density of two angles that depend on each other, by two couplings."""
    keys = jr.split(jr.key(5), 4)
    couplings = [
        randomise(
            Coupling(
                SPLINE, 2, 1, width=8, depth=1, kept_is_circular=kept_is_circular, key=keys[i]
            ),
            keys[i + 2],
        )
        for i in range(2)
    ]
    layers = [couplings[0], Permutation([1, 0]), couplings[1]]
    return Transformed(Uniform(jnp.full(2, -np.pi), jnp.full(2, np.pi)), Chain(layers))


@compiled
@functools.partial(eqx.filter_vmap, in_axes=(None, 0))
def log_prob(density, x):
    return density.log_prob(x)


def test_a_density_on_the_torus_integrates_to_one():
    num = 200
    angles = (np.arange(num) + 0.5) / num * 2 * np.pi - np.pi
    grid = np.stack(np.meshgrid(angles, angles, indexing="ij"), axis=-1).reshape(-1, 2)
    with jax.enable_x64(True):
        found = np.asarray(log_prob(torus(), jnp.asarray(grid)))
    assert_allclose(np.exp(found).sum() * (2 * np.pi / num) ** 2, 1, atol=1e-4)
    table = found.reshape(num, num)
    assert table.std() > 0.1
    # Not a product of its marginals: the angles depend on each other.
    assert np.abs(table - table.mean(0) - table.mean(1)[:, None] + table.mean()).max() > 0.1


@pytest.mark.parametrize("axis", [0, 1])
def test_a_density_on_the_torus_has_no_seam(axis):
    other = np.linspace(-3, 3, 13)

    def at(angle):
        x = np.stack([np.full(13, angle), other], axis=1)
        return jnp.asarray(x if axis == 0 else x[:, ::-1])

    with jax.enable_x64(True):
        density = torus()
        seam = log_prob(density, at(-np.pi))
        assert np.ptp(seam) > 0.05
        assert_allclose(log_prob(density, at(np.pi - 1e-9)), seam, atol=1e-6)
        inside = log_prob(density, at(0.7))
        assert_allclose(log_prob(density, at(0.7 - 2 * np.pi)), inside, atol=1e-10)


def test_kept_angles_not_told_to_be_angles_do_leave_a_seam():
    x = jnp.asarray([[-3.1415926, 1.0], [3.1415926, 1.0]])
    at_seam = log_prob(torus(kept_is_circular=False), x)
    assert abs(at_seam[0] - at_seam[1]) > 1e-2


def test_real_entries_can_follow_kept_angles():
    build = functools.partial(Coupling, AffineTransformer(), 2, 1, width=8, depth=1)
    layer = randomise(build(kept_is_circular=True, key=jr.key(0)), jr.key(1))
    plain = randomise(build(key=jr.key(0)), jr.key(1))
    near, far = jnp.asarray([0.3, 0.5]), jnp.asarray([0.3 + 2 * np.pi, 0.5])
    assert_allclose(layer.forward(near)[1], layer.forward(far)[1], rtol=1e-5)
    assert abs(plain.forward(near)[1] - plain.forward(far)[1]) > 1e-2


def test_angles_and_real_numbers_are_not_composed():
    with pytest.raises(ConfigurationError, match="AffineTransformer, then Circular"):
        ComposedTransformer(AffineTransformer(), SPLINE)
    assert ComposedTransformer(SPLINE, SPLINE).is_circular


def test_an_autoregressive_layer_refuses_angles():
    with pytest.raises(ConfigurationError, match="coupling"):
        MaskedAutoregressive(SPLINE, 2, width=8, depth=1, key=jr.key(0))
