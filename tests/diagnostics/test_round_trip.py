import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.bijections import AbstractBijection, Affine, Chain, Randomness, Tolerance
from retrodict.diagnostics import round_trip
from retrodict.distributions import StandardNormal, Transformed
from retrodict.errors import (
    CapabilityError,
    ConditionError,
    ConfigurationError,
    NonFiniteError,
    ShapeError,
)
from retrodict.flows import SplineCoupling


class Shifted(AbstractBijection):
    """z = x + shift, whose inverse misses by `error` times x0, and whose log-dets are given."""

    error: float = eqx.field(default=0.0, static=True)
    log_det: float = eqx.field(default=0.5, static=True)
    back_log_det: float = eqx.field(default=-0.5, static=True)
    randomness: Randomness | None = None
    shape: tuple[int, ...] = eqx.field(default=(2,), static=True)
    cond_shape: tuple[int, ...] | None = eqx.field(default=None, static=True)

    def noise(self, like):
        if self.randomness is None:
            return jnp.zeros((), like.dtype)
        return jax.random.normal(self.randomness.key, (), like.dtype)

    def forward_and_log_det(self, x, condition=None):
        shift = 1.0 if condition is None else condition.sum()
        return x + shift, self.log_det + self.noise(x)

    def inverse_and_log_det(self, z, condition=None):
        shift = 1.0 if condition is None else condition.sum()
        x = z - shift
        return x + self.error * x[0], self.back_log_det - self.noise(z)


class FixedPoint(AbstractBijection):
    """z = x + .9 tanh x, inverted by x <- z - .9 tanh x: fast far from zero, slow near it."""

    tolerance: Tolerance
    shape: tuple[int, ...] = eqx.field(default=(2,), static=True)
    cond_shape: None = eqx.field(default=None, static=True)

    def forward_and_log_det(self, x, condition=None):
        return x + 0.9 * jnp.tanh(x), jnp.log1p(0.9 / jnp.cosh(x) ** 2).sum()

    def inverse_and_log_det(self, z, condition=None):
        x = z
        for _ in range(self.tolerance.max_steps):
            x = z - 0.9 * jnp.tanh(x)
        converged = jnp.abs(x + 0.9 * jnp.tanh(x) - z).max() <= self.tolerance.atol
        x = self.tolerance.checked(x, converged, "The fixed point")
        return x, -jnp.log1p(0.9 / jnp.cosh(x) ** 2).sum()


def flow(bijection, base=None):
    return Transformed(StandardNormal(bijection.shape) if base is None else base, bijection)


@pytest.fixture
def rows(rng):
    return rng.normal(size=(300, 2)) * [3.0, 0.01] + [1.0, -2.0]


def test_an_exact_flow_passes_in_both_directions(rows, key):
    model = SplineCoupling(num_layers=2, width=8, depth=1).build(2, 3, key=key)
    model = jax.tree.map(lambda leaf: leaf + 0.1 if eqx.is_inexact_array(leaf) else leaf, model)
    condition = np.random.default_rng(0).normal(size=(300, 3))
    result = round_trip(model, rows, condition, key=key, names=["length", "width"])
    assert result.passed
    assert result.from_base.passed
    assert 0 < result.typical_error < result.largest_error < 1e-3
    assert result.share_not_converged == 0
    assert result.from_base.num_rows == result.num_rows == 300
    assert_allclose(result.spread, rows.std(axis=0), rtol=1e-5)
    assert "300 rows" in str(result)
    assert "the inverse holds" in str(result)
    assert set(json.loads(json.dumps(result.to_dict()))["largest_errors"]) == {"length", "width"}


def test_a_wrong_inverse_fails_and_is_measured_in_spreads(rows):
    rows[7, 0] = 30.0
    result = round_trip(flow(Shifted(error=0.01)), rows)
    assert not result.passed
    assert_allclose(result.largest_error, 0.3 / rows[:, 1].std(), rtol=1e-3)
    expected = np.median(np.abs(0.01 * rows[:, :1]) / rows.std(axis=0))
    assert_allclose(result.typical_error, expected, rtol=1e-2)
    assert result.worst_row == 7
    assert "`x2` of row 7" in str(result)


@pytest.mark.parametrize("start", ["x", "z"])
def test_log_dets_that_do_not_cancel_fail(rows, key, start):
    result = round_trip(flow(Shifted(back_log_det=-0.45)), rows, key=key)
    judged = result if start == "x" else result.from_base
    assert judged.largest_error < 1e-3
    assert_allclose(judged.largest_log_det_mismatch, 0.05, rtol=1e-4)
    assert not judged.passed
    assert "within 0.01 nats" in str(judged)


class Tanh(AbstractBijection):
    """z = tanh x, which no z outside of [-1, 1] comes from."""

    shape: tuple[int, ...] = eqx.field(default=(2,), static=True)
    cond_shape: None = eqx.field(default=None, static=True)

    def forward_and_log_det(self, x, condition=None):
        return jnp.tanh(x), jnp.log1p(-(jnp.tanh(x) ** 2)).sum()

    def inverse_and_log_det(self, z, condition=None):
        return jnp.arctanh(z), -jnp.log1p(-(z**2)).sum()


def test_only_the_way_from_the_base_can_fail(key):
    result = round_trip(flow(Tanh()), np.random.default_rng(0).uniform(-1, 1, (2000, 2)), key=key)
    assert result.share_not_converged == 0
    assert result.largest_error <= result.tolerance
    outside = 1 - 0.6827**2
    assert_allclose(result.from_base.share_not_converged, outside, atol=4 * 0.011)
    assert not result.passed
    assert "z -> x -> z" in str(result)


def test_rows_that_do_not_converge_are_counted_not_raised():
    x = np.random.default_rng(0).uniform(-4, 4, (500, 2))
    bijection = FixedPoint(Tolerance(atol=1e-5, max_steps=12))
    quiet = FixedPoint(Tolerance(atol=1e-5, max_steps=12, throw=False))
    z = jax.vmap(bijection.forward)(jnp.asarray(x, jnp.float32))
    missed = ~np.isfinite(np.asarray(jax.vmap(quiet.inverse)(z))).all(axis=1)
    assert 50 < missed.sum() < 450
    result = round_trip(flow(bijection), x)
    assert_allclose(result.share_not_converged, missed.mean(), atol=0.005)
    assert result.worst_row == np.argmax(missed)
    assert result.largest_error < 1e-4
    assert not result.passed
    assert f"row {result.worst_row}" in str(result)
    assert result.to_dict()["share_not_converged"] == result.share_not_converged


def test_nothing_converged_is_a_result_too():
    result = round_trip(
        flow(FixedPoint(Tolerance(atol=1e-30, rtol=0, max_steps=1))), np.ones((3, 2))
    )
    assert result.share_not_converged == 1
    assert result.to_dict()["largest_error"] is None
    assert "3 of 3 rows" in str(result)


def test_blocks_and_their_padding_change_nothing(rows):
    model = flow(FixedPoint(Tolerance(atol=1e-4, max_steps=12)))
    whole = round_trip(model, rows)
    assert 0 < whole.share_not_converged < 1
    for num_rows, block_size in ((3, 1), (300, 64), (300, 299)):
        cut = round_trip(model, rows[:num_rows], block_size=block_size)
        assert cut.num_rows == num_rows
        errors = cut.errors * cut.spread
        assert_allclose(errors, (whole.errors * whole.spread)[:num_rows], atol=1e-6)
        assert_allclose(cut.log_det_mismatches, whole.log_det_mismatches[:num_rows], atol=1e-6)


def test_estimates_are_compared_by_the_same_random_numbers(rows, key):
    result = round_trip(flow(Shifted(randomness=Randomness(key))), rows, key=key)
    assert result.is_estimate
    assert result.passed
    assert "same random numbers" in str(result)


def test_a_flow_on_a_flow_is_one_flow(rows):
    outer = Affine(jnp.array([1.0, -2.0]), jnp.array([3.0, 0.01]))
    nested = flow(outer, base=flow(Shifted(error=0.01)))
    chained = flow(Chain([outer, Shifted(error=0.01)]))
    assert_allclose(round_trip(nested, rows).errors, round_trip(chained, rows).errors)


def test_a_constant_column_is_measured_by_its_size(rows):
    rows[:, 1] = 0.5
    result = round_trip(flow(Shifted(error=0.01)), rows)
    assert_allclose(result.spread[1], 0.5)


def test_images_are_flattened(key):
    class Negative(AbstractBijection):
        shape: tuple[int, ...] = (2, 3)
        cond_shape: None = None

        def forward_and_log_det(self, x, condition=None):
            return -x, jnp.zeros(())

        def inverse_and_log_det(self, z, condition=None):
            return -z, jnp.zeros(())

    result = round_trip(flow(Negative()), jax.random.normal(key, (5, 2, 3)))
    assert result.errors.shape == (5, 6)
    assert result.passed


def test_what_cannot_be_answered_is_refused(rows, key):
    model = flow(Shifted())
    conditional = flow(Shifted(cond_shape=(3,)))
    with pytest.raises(CapabilityError, match="Normal"):
        round_trip(StandardNormal((2,)), rows)
    with pytest.raises(ConditionError, match="not conditional"):
        round_trip(model, rows, rows)
    with pytest.raises(ConditionError, match="no condition"):
        round_trip(conditional, rows)
    with pytest.raises(ShapeError, match="one condition per row"):
        round_trip(conditional, rows, np.ones((2, 3)))
    with pytest.raises(ShapeError, match=r"\(2,\)"):
        round_trip(model, np.ones((4, 3)))
    with pytest.raises(NonFiniteError):
        round_trip(model, np.full((4, 2), np.nan))
    with pytest.raises(ConfigurationError, match="tolerance=0"):
        round_trip(model, rows, tolerance=0)
