"""What all splines of the real line promise, and each against its own closed form."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.interpolate import CubicHermiteSpline

from retrodict.bijections import (
    CircularSplineTransformer,
    CubicSplineTransformer,
    PiecewiseLinearTransformer,
    PiecewiseQuadraticTransformer,
    RationalQuadraticTransformer,
)
from retrodict.bijections.cubic_spline import inverse_cubic
from retrodict.bijections.spline_bins import inner_knots, possible_bins, shares
from retrodict.errors import ConfigurationError

NUM_BINS, BOUND = 5, 3.0

SPLINES = {
    "linear": PiecewiseLinearTransformer(NUM_BINS, BOUND),
    "quadratic": PiecewiseQuadraticTransformer(NUM_BINS, BOUND),
    "cubic": CubicSplineTransformer(NUM_BINS, BOUND),
    "rational-quadratic": RationalQuadraticTransformer(NUM_BINS, BOUND),
}
every_spline = pytest.mark.parametrize("name", SPLINES)

compiled = functools.partial(eqx.filter_jit, compiler_options={"xla_backend_optimization_level": 0})


def parameters(name, scale=1.0, dtype="float64"):
    values = np.random.default_rng(7).normal(size=SPLINES[name].num_parameters)
    return jnp.asarray(scale * values, dtype)


NUM_POINTS = 1024


@compiled
@functools.partial(eqx.filter_vmap, in_axes=(None, 0, None))
def evaluate(step, value, raw):
    """Values, log-derivatives and their gradients in the value and the parameters."""
    return *step(value, raw), jax.jacrev(step, argnums=(0, 1))(value, raw)


def padded(step, values, raw):
    """One program for every test, whatever the number of points."""
    filled = jnp.zeros(NUM_POINTS, values.dtype).at[: values.size].set(values)
    found = evaluate(step, filled, raw)
    return jax.tree.map(lambda leaf: np.asarray(leaf)[: values.size], found)


def forward(name, x, raw):
    return padded(SPLINES[name].forward_and_log_det, x, raw)


def inverse(name, z, raw):
    return padded(SPLINES[name].inverse_and_log_det, z, raw)


@every_spline
def test_parameters_of_zero_are_the_identity(name):
    x = jnp.linspace(-1.5 * BOUND, 1.5 * BOUND, 41, dtype=jnp.float32)
    for direction in (forward, inverse):
        y, log_det, _ = direction(name, x, parameters(name, 0.0, "float32"))
        assert_allclose(y, x, atol=2e-6)
        assert_allclose(log_det, 0, atol=2e-6)


@every_spline
def test_far_outside_lies_the_identity_with_finite_gradients(name):
    far = jnp.asarray([-3e38, -1e4, -BOUND, BOUND, 3.001, 1e4, 3e38], jnp.float32)
    for direction in (forward, inverse):
        y, log_det, gradients = direction(name, far, parameters(name, 3.0, "float32"))
        assert (y == far).all()
        assert not log_det.any()
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))


@every_spline
def test_the_map_joins_its_tails(name):
    inside = np.nextafter(np.array([-BOUND, BOUND]), 0.0)
    with jax.enable_x64(True):
        for direction in (forward, inverse):
            y, log_det, _ = direction(name, jnp.asarray(inside), parameters(name))
            assert_allclose(y, inside, rtol=1e-12)
            if name in ("quadratic", "rational-quadratic"):  # documented as smooth at the ends
                assert_allclose(log_det, 0, atol=1e-10)


@every_spline
def test_the_density_it_claims_integrates_to_its_values(name):
    x = np.linspace(-BOUND, BOUND, NUM_POINTS)
    middle = (x[1:] + x[:-1]) / 2
    with jax.enable_x64(True):
        z, _, _ = forward(name, jnp.asarray(x), parameters(name))
        _, log_density, _ = forward(name, jnp.asarray(middle), parameters(name))
    integral = np.cumsum(np.exp(log_density)) * (x[1] - x[0]) - BOUND
    # A histogram's jump inside one cell is missed by at most half a cell.
    assert_allclose(z[1:], integral, atol=2e-2 if name == "linear" else 1e-4)


@pytest.mark.parametrize("scale", [0.0, 1.0], ids=["identity", "bent"])
@every_spline
def test_the_inverse_has_the_gradients_of_the_implicit_function(name, scale):
    x = np.random.default_rng(3).uniform(-BOUND, BOUND, 40)
    with jax.enable_x64(True):
        raw = parameters(name, scale)
        z, log_det, ((dz_dx, dz_draw), (dl_dx, dl_draw)) = forward(name, jnp.asarray(x), raw)
        found, back, ((dx_dz, dx_draw), (db_dz, db_draw)) = inverse(name, z, raw)
    assert_allclose(found, x, rtol=1e-11, atol=1e-11)
    assert_allclose(back, -log_det, atol=1e-10)
    assert_allclose(dz_dx, np.exp(log_det), rtol=1e-10)
    assert_allclose(dx_dz * dz_dx, 1, rtol=1e-10)
    assert_allclose(dx_draw, -dz_draw / dz_dx[:, None], atol=1e-9)
    assert_allclose(db_dz, -dl_dx / dz_dx, atol=1e-8)
    assert_allclose(db_draw, -(dl_draw + dl_dx[:, None] * dx_draw), atol=1e-8)


def knots(raw):
    """The knots that raw widths or heights mean, in plain NumPy."""
    raw = np.asarray(raw, np.float64)
    share = np.exp(raw - raw.max())
    share = 1e-3 + (1 - 1e-3 * len(raw)) * share / share.sum()
    return 2 * BOUND * np.append(0, np.cumsum(share)) - BOUND


def softplus(raw):
    return 1e-3 + np.logaddexp(0, np.asarray(raw) + np.log(np.expm1(1 - 1e-3)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [0.0, 5.0, 100.0], ids=["identity", "strong", "extreme"])
@every_spline
def test_values_are_finite_and_in_order_around_every_knot(name, scale, dtype):
    with jax.enable_x64(dtype == "float64"):
        raw = parameters(name, scale, dtype)
        x_knots = knots(0 * raw if name == "linear" else raw[:NUM_BINS])
        z_knots = np.asarray(forward(name, jnp.asarray(x_knots, dtype), raw)[0])
        for direction, ends in ((forward, x_knots), (inverse, z_knots)):
            spacing = np.finfo(dtype).eps * BOUND
            around = ends[:, None] + spacing * np.linspace(-4, 4, 65)
            points = np.sort(np.append(around.ravel(), np.linspace(-BOUND, BOUND, 500)))
            found = direction(name, jnp.asarray(points, dtype), raw)
            assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
            assert np.diff(found[0]).min() > -100 * spacing * max(1, np.exp(found[1].max()))


GRID = np.linspace(-BOUND, BOUND, 101)[1:-1] + 1e-4


def test_the_linear_spline_interpolates_its_knots():
    with jax.enable_x64(True):
        raw = parameters("linear")
        z, log_det, _ = forward("linear", jnp.asarray(GRID), raw)
    x_knots, z_knots = np.linspace(-BOUND, BOUND, NUM_BINS + 1), knots(raw)
    assert_allclose(z, np.interp(GRID, x_knots, z_knots), rtol=1e-12, atol=1e-12)
    slopes = np.diff(z_knots) / np.diff(x_knots)
    assert_allclose(log_det, np.log(slopes[np.searchsorted(x_knots, GRID) - 1]), atol=1e-12)


def test_the_quadratic_spline_has_a_density_linear_between_its_knots():
    with jax.enable_x64(True):
        raw = parameters("quadratic")
        _, log_det, _ = forward("quadratic", jnp.asarray(GRID), raw)
    x_knots = knots(raw[:NUM_BINS])
    learned = 0.01 + 0.99 * softplus(raw[NUM_BINS:])

    # Learned up to a factor, found here by search: one at both ends, area of the whole box.
    def density_at_knots(factor):
        return np.concatenate([[1.0], 0.01 + factor * (learned - 0.01), [1.0]])

    low, high = 0.0, 1e3
    for _ in range(80):
        factor = (low + high) / 2
        if np.trapezoid(density_at_knots(factor), x_knots) < 2 * BOUND:
            low = factor
        else:
            high = factor
    expected = np.interp(GRID, x_knots, density_at_knots(factor))
    assert_allclose(np.exp(log_det), expected, rtol=1e-9)


def steffen(x, z, ends):
    """Steffen's derivatives in the general form of his eq. 11, with signs."""
    slope, width = np.diff(z) / np.diff(x), np.diff(x)
    inner = [
        (np.sign(slope[k - 1]) + np.sign(slope[k]))
        * min(
            abs(slope[k - 1]),
            abs(slope[k]),
            0.5
            * abs(slope[k - 1] * width[k] + slope[k] * width[k - 1])
            / (width[k - 1] + width[k]),
        )
        for k in range(1, len(slope))
    ]
    return np.concatenate([[ends[0]], inner, [ends[1]]])


def test_the_cubic_spline_agrees_with_scipy():
    with jax.enable_x64(True):
        raw = parameters("cubic")
        z, log_det, _ = forward("cubic", jnp.asarray(GRID), raw)
        x, back, _ = inverse("cubic", jnp.asarray(GRID), raw)
        ends = jnp.asarray([-BOUND + 1e-12, BOUND - 1e-12])
        _, log_ends, _ = forward("cubic", ends, raw)
    x_knots, z_knots = knots(raw[:NUM_BINS]), knots(raw[NUM_BINS : 2 * NUM_BINS])
    slopes = np.diff(z_knots) / np.diff(x_knots)
    odds = np.exp(raw[-2:]) * (1 / 3 - 0.01) / (0.99 - 1 / 3)
    end_slopes = 3 * slopes[[0, -1]] * (0.01 + 0.98 * np.asarray(odds / (1 + odds)))
    assert_allclose(np.exp(log_ends), end_slopes, rtol=1e-8)
    spline = CubicHermiteSpline(x_knots, z_knots, steffen(x_knots, z_knots, end_slopes))
    assert_allclose(z, spline(GRID), rtol=1e-11, atol=1e-11)
    assert_allclose(np.exp(log_det), spline(GRID, 1), rtol=1e-9)
    roots = [spline.solve(value, extrapolate=False) for value in GRID]
    assert all(len(root) == 1 for root in roots)
    assert_allclose(x, np.concatenate(roots), rtol=1e-8, atol=1e-8)
    assert_allclose(np.exp(-back), spline(np.concatenate(roots), 1), rtol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cardanos_formula_is_exact_to_rounding(dtype):
    """Also near lines (both derivatives one), parabolas (their sum two) and flat ends."""
    rng = np.random.default_rng(0)
    small = 10 ** rng.uniform(-9, -1, 500) * rng.choice([-1, 1], 500)
    flat = 10 ** rng.uniform(-6, 0, 500)
    any_two = rng.uniform(1e-3, 2, (2, 500))
    start, end = np.concatenate(
        [
            any_two,
            [1 + small, 1 - small * rng.uniform(-1, 1, 500)],
            [any_two[0] * 0.99 + 0.01, 2 - any_two[0] * 0.99 - 0.01 + small / 100],
            [flat, any_two[1]],
            [any_two[0], flat],
            [flat, flat[::-1]],
            [rng.uniform(2, 2.97, 500), any_two[1]],
            [flat, rng.uniform(2, 2.97, 500)],
            np.full((2, 500), 2.0),
        ],
        axis=1,
    )
    end = np.abs(end) + 1e-6
    near_ends = 10 ** rng.uniform(-9, 0, start.size)
    kind = rng.integers(0, 4, start.size)
    xi = np.choose(kind, [rng.uniform(0, 1, start.size), near_ends, 1 - near_ends, kind % 2 * 1.0])
    start, end = start.astype(dtype).astype(np.float64), end.astype(dtype).astype(np.float64)

    def cubic(xi):
        return start * xi * (1 - xi) ** 2 + (3 - end) * xi**2 * (1 - xi) + xi**3

    eta = cubic(xi).astype(dtype)
    with jax.enable_x64(dtype == "float64"):
        arguments = [jnp.asarray(a, dtype) for a in (eta, start, end)]
        found = np.asarray(compiled(eqx.filter_vmap(inverse_cubic))(*arguments), np.float64)
    assert found.min() >= 0
    assert found.max() <= 1
    assert np.abs(cubic(found) - eta).max() < 4 * np.finfo(dtype).eps


@pytest.mark.parametrize(
    ("spline", "possible"),
    [
        (PiecewiseLinearTransformer, 500),
        (PiecewiseQuadraticTransformer, 82),
        (CubicSplineTransformer, 500),
        (RationalQuadraticTransformer, 500),
        (CircularSplineTransformer, 500),
    ],
)
def test_a_refusal_says_how_many_bins_are_possible(spline, possible):
    assert spline(num_bins=possible).num_bins == possible
    for num_bins in (1, possible + 1):
        with pytest.raises(ConfigurationError, match=f"2 to {possible} bins.*got {num_bins}"):
            spline(num_bins=num_bins)


@pytest.mark.parametrize("bound", [0.0, -1.0, float("nan"), float("inf"), 1e-30])
@every_spline
def test_a_bound_that_is_not_a_positive_number_is_refused(name, bound):
    with pytest.raises(ConfigurationError, match="positive"):
        type(SPLINES[name])(bound=bound)


@pytest.mark.parametrize("bound", [1e-6, 5.0, 1e6])
@pytest.mark.parametrize("min_share", [1e-3, 1e-5])
def test_as_many_bins_as_possible_stay_apart_in_float32(min_share, bound):
    num_bins = possible_bins(min_share)
    rng = np.random.default_rng(0)
    place = compiled(eqx.filter_vmap(lambda share: inner_knots(share, bound)))
    # Nearly everything in one bin, the rest as thin as can be: rounding is worst behind it.
    thin = np.full((40, num_bins), min_share)
    thin[np.arange(40), rng.integers(0, num_bins, 40)] += 1 - num_bins * min_share
    inner = np.asarray(place(jnp.asarray(thin, jnp.float32)))
    found = np.concatenate([np.full((40, 1), -bound), inner, np.full((40, 1), bound)], axis=1)
    assert np.diff(found.astype(np.float32), axis=1).min() > 0


def test_the_shares_of_the_bins_add_up_to_one_and_keep_their_minimum():
    share = shares(jnp.asarray([50.0, -50.0, 0.0, 49.0], jnp.float32))
    assert_allclose(share.sum(), 1, rtol=1e-6)
    assert share.min() >= 0.999e-3
