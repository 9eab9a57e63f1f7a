"""Bounds: exact for uniform priors, precise at both ends, never left.

Maps are compiled: operation by operation, as `test_laws.py` runs them once, they take far longer.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from numpy.testing import assert_allclose

from retrodict.bijections import BoundedToReal
from retrodict.errors import ConfigurationError

INF = np.inf
# One entry of each kind: two bounds, lower by log and by softplus, upper by both, none.
LOWER = [-2.0, 1.0, 0.0, -INF, -INF, -INF]
UPPER = [3.0, INF, INF, 4.0, 0.0, INF]
SCALE = [0.0, 0.0, 0.5, 0.0, 2.0, 0.0]


def test_a_uniform_prior_becomes_standard_normal():
    rows = np.random.default_rng(0).uniform([-2.0, 10.0], [3.0, 10.5], size=(4000, 2))
    bijection = BoundedToReal([-2.0, 10.0], [3.0, 10.5])
    z = np.asarray(jax.jit(jax.vmap(bijection.forward))(jnp.asarray(rows, jnp.float32)))
    for column in z.T:
        assert scipy.stats.kstest(column, "norm").pvalue > 0.01


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-5), ("float64", 1e-12)])
def test_the_probit_is_precise_at_both_ends(dtype, rtol):
    """Against SciPy in float64 at the very numbers that float32 holds."""
    with jax.enable_x64(dtype == "float64"):
        bijection = BoundedToReal([0.0], [1.0])
        near = np.array([1e-30, 1e-12, 1e-6, 0.1, 0.4999, 0.5])
        x = np.concatenate([near, 1 - np.array([1e-6, 1e-3, 0.3])]).astype(dtype)
        compiled = jax.jit(jax.vmap(bijection.forward_and_log_det))
        z, log_det = compiled(jnp.asarray(x)[:, None])
    exact = x.astype(np.float64)
    expected = np.where(exact <= 0.5, scipy.special.ndtri(exact), -scipy.special.ndtri(1 - exact))
    assert_allclose(z[:, 0], expected, rtol=rtol, atol=1e-7)
    assert_allclose(log_det, -scipy.stats.norm.logpdf(expected), rtol=10 * rtol)


def test_half_bounded_maps_are_the_formulas():
    x = np.array([0.0, 4.0, 0.3, 3.5, -0.7, 1.5])
    with jax.enable_x64(True):
        z = eqx.filter_jit(BoundedToReal(LOWER, UPPER, SCALE).forward)(jnp.asarray(x))
    expected = [
        scipy.stats.norm.ppf(0.4),
        np.log(3.0),
        0.5 * np.log(np.expm1(0.3 / 0.5)),
        -np.log(0.5),
        -2.0 * np.log(np.expm1(0.7 / 2.0)),
        1.5,
    ]
    assert_allclose(z, expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_draw_leaves_the_support_or_touches_a_bound(dtype):
    with jax.enable_x64(dtype == "float64"):
        z = np.concatenate([np.linspace(-40, 40, 801), [-1e4, 1e4]]).astype(dtype)[:, None]
        bijection = BoundedToReal([0.0, 0.1, 1e6, -0.3], [1.0, 0.3, 1e6 + 1, 0.0])
        draws = jax.jit(jax.vmap(bijection.inverse))(jnp.asarray(np.repeat(z, 4, axis=1)))
        mixed = BoundedToReal(LOWER, UPPER, SCALE)
        mixed_draws = jax.jit(jax.vmap(mixed.inverse))(jnp.asarray(np.repeat(z, 6, axis=1)))
    # Compared in float64 and with the bounds the user gave: rounding to float32 must not leak.
    for bounds, found in ((bijection, draws), (mixed, mixed_draws)):
        found = np.asarray(found, np.float64)
        assert np.isfinite(found).all()
        assert (found > bounds.lower).all()
        assert (found < bounds.upper).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_maps_increase(dtype):
    with jax.enable_x64(dtype == "float64"):
        z = np.repeat(np.linspace(-4, 4, 81, dtype=dtype)[:, None], 6, axis=1)
        compiled = jax.jit(jax.vmap(BoundedToReal(LOWER, UPPER, SCALE).inverse))
        x = compiled(jnp.asarray(z))
    assert (np.diff(np.asarray(x), axis=0) > 0).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_bound_takes_the_value_of_the_nearest_number_inside(dtype):
    with jax.enable_x64(dtype == "float64"):
        bijection = BoundedToReal([1.0, 2.0], [3.0, INF])
        bound = np.array([1.0, 2.0], dtype)
        inside = np.nextafter(bound, np.asarray(9, dtype))
        compiled = eqx.filter_jit(bijection.forward_and_log_det)
        at_bound = compiled(jnp.asarray(bound))
        at_inside = compiled(jnp.asarray(inside))
    assert_allclose(at_bound[0], at_inside[0], rtol=0)
    assert np.isfinite(at_bound[1])
    assert at_bound[1] == at_inside[1]


@pytest.mark.parametrize("x", [[-2.001, 2.0], [3.001, 2.0], [0.0, 0.999]])
def test_there_is_no_density_outside(x):
    bijection = BoundedToReal([-2.0, 1.0], [3.0, INF])
    z, log_det = eqx.filter_jit(bijection.forward_and_log_det)(jnp.array(x))
    assert log_det == -INF
    assert np.isfinite(z).all()


def test_nan_stays_nan():
    bijection = BoundedToReal(LOWER, UPPER, SCALE)
    for step in (bijection.forward_and_log_det, bijection.inverse_and_log_det):
        value, _ = eqx.filter_jit(step)(jnp.full(6, jnp.nan))
        assert np.isnan(value).all()


def test_softplus_is_the_identity_far_from_the_bound():
    bijection = BoundedToReal([0.0], [INF], [0.1])
    assert_allclose(eqx.filter_jit(bijection.forward)(jnp.array([50.0])), [50.0])


@pytest.mark.parametrize(
    "arguments",
    [
        ([0.0], [0.0]),
        ([1.0], [0.0]),
        ([np.nan], [1.0]),
        ([INF], [INF]),
        ([-INF], [-INF]),
        ([0.0], [1.0, 2.0]),
        ([0.0], [INF], [-1.0]),
        ([0.0], [INF], [INF]),
    ],
)
def test_impossible_bounds_are_refused(arguments):
    with pytest.raises(ConfigurationError):
        BoundedToReal(*arguments)
