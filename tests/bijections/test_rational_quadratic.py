"""The spline at its knots, its ends and beyond."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import paramax
import pytest
from flowjax.bijections import RationalQuadraticSpline
from numpy.testing import assert_allclose

from retrodict.bijections import RationalQuadraticTransformer
from retrodict.errors import ConfigurationError

SPLINE = RationalQuadraticTransformer(num_bins=4, bound=3.0)
forward = eqx.filter_jit(jax.vmap(SPLINE.forward_and_log_det, (0, None)))


def parameters(dtype, scale=1.0):
    values = np.random.default_rng(0).normal(size=SPLINE.num_parameters)
    return jnp.asarray(scale * values, dtype)


def knots_and_derivatives(raw):
    """What the parameters mean, by the formulas of the paper, in plain NumPy."""
    widths, heights, derivatives = np.split(np.asarray(raw), [4, 8])

    def knots(values):
        share = (
            1e-3 + (1 - 4e-3) * np.exp(values - values.max()) / np.exp(values - values.max()).sum()
        )
        return jnp.asarray(
            np.concatenate([[-3.0], 6 * np.cumsum(share)[:-1] - 3, [3.0]]), raw.dtype
        )

    softplus = np.logaddexp(0, derivatives + np.log(np.expm1(1 - 1e-3)))
    return knots(widths), knots(heights), np.pad(1e-3 + softplus, 1, constant_values=1.0)


@pytest.mark.parametrize("scale", [1.0, 30.0], ids=["gentle", "extreme"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_and_gradients_are_finite_at_every_knot(dtype, scale):
    with jax.enable_x64(dtype == "float64"):
        raw = parameters(dtype, scale)
        x_knots, z_knots, _ = knots_and_derivatives(raw)
        for step, knots in (
            (SPLINE.forward_and_log_det, x_knots),
            (SPLINE.inverse_and_log_det, z_knots),
        ):

            def total(value, raw, step=step):
                return sum(step(value, raw))

            beside = jnp.asarray(np.nextafter(knots, np.asarray(9, dtype)))
            points = jnp.concatenate([knots, beside, jnp.asarray([-1e4, 1e4], dtype)])
            gradients = jax.vmap(jax.value_and_grad(total, argnums=(0, 1)), (0, None))
            found = jax.jit(gradients)(points, raw)
            assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))


def test_knots_map_to_knots():
    with jax.enable_x64(True):
        raw = parameters("float64")
        x_knots, z_knots, derivatives = knots_and_derivatives(raw)
        z, log_det = forward(x_knots, raw)
    assert_allclose(z, z_knots, rtol=1e-12)
    assert_allclose(log_det, np.log(derivatives), atol=1e-10)


def test_the_identity_at_zero_and_outside():
    x = jnp.linspace(-6, 6, 25)
    zero = jnp.zeros(SPLINE.num_parameters)
    assert_allclose(forward(x, zero)[0], x, atol=1e-5)
    outside = x[jnp.abs(x) >= 3]
    z, log_det = forward(outside, parameters("float32"))
    assert_allclose(z, outside)
    assert not log_det.any()


def flowjax_spline(raw):
    """The spline of another library with the same unconstrained parameters."""
    spline = RationalQuadraticSpline(knots=3, interval=3.0, min_width=6e-3)
    widths, heights, inner = jnp.split(raw, [4, 8])
    derivatives = spline.derivatives.args[0].at[1:-1].add(inner)
    return paramax.unwrap(
        eqx.tree_at(
            lambda s: (s.x_pos.arr, s.y_pos.arr, s.derivatives.args[0]),
            spline,
            (widths, heights, derivatives),
        )
    )


@eqx.filter_jit
def ours_and_theirs(value, raw):
    theirs = flowjax_spline(raw)
    ours = [
        jax.vmap(step, (0, None))(value, raw)
        for step in (SPLINE.forward_and_log_det, SPLINE.inverse_and_log_det)
    ]
    others = [
        jax.vmap(step)(value) for step in (theirs.transform_and_log_det, theirs.inverse_and_log_det)
    ]
    return ours, others


@pytest.mark.parametrize(
    ("dtype", "scale"), [("float32", 0.3), ("float32", 1.0), ("float64", 1.0), ("float64", 3.0)]
)
def test_it_agrees_with_flowjax(dtype, scale):
    with jax.enable_x64(dtype == "float64"):
        found = ours_and_theirs(jnp.linspace(-4, 4, 161, dtype=dtype), parameters(dtype, scale))
    for ours, theirs in zip(*map(jax.tree.leaves, found), strict=True):
        assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("settings", [{"num_bins": 1}, {"num_bins": 1000}, {"bound": 0.0}])
def test_impossible_splines_are_refused(settings):
    with pytest.raises(ConfigurationError):
        RationalQuadraticTransformer(**settings)
