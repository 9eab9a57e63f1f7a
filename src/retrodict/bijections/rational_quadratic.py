"""Monotone rational-quadratic splines with linear tails."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from retrodict.bijections.transformers import AbstractTransformer
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Scalar

_MIN_BIN = 1e-3
_MIN_DERIVATIVE = 1e-3


class RationalQuadraticTransformer(AbstractTransformer):
    """Rational-quadratic spline on [-bound, bound] (Durkan et al. 2019, arXiv:1906.04032).

    Between two knots, with xi the relative position in the bin, s its slope and d_k, d_k+1 the
    derivatives at its ends (eq. 4):

        z = z_k + h (s xi^2 + d_k xi (1 - xi)) / (s + (d_k+1 + d_k - 2 s) xi (1 - xi))

    Outside, the identity: derivatives at both ends are one, so the map is smooth there.

    Args:
        num_bins: bins between -bound and bound.
        bound: half the width of the square that holds the spline.
    """

    num_bins: int = eqx.field(default=10, static=True)
    bound: float = eqx.field(default=5.0, static=True)

    def __check_init__(self) -> None:
        if not 2 <= self.num_bins <= int(0.5 / _MIN_BIN):
            raise ConfigurationError(
                f"A spline needs 2 to {int(0.5 / _MIN_BIN)} bins; got {self.num_bins}.",
                "Ten is plenty for most posteriors.",
            )
        if not self.bound > 0:
            raise ConfigurationError(
                f"The bound of a spline must be positive; got {self.bound}.", "Use 5.0."
            )

    @property
    def num_parameters(self) -> int:
        """Widths and heights of the bins, derivatives at the inner knots."""
        return 3 * self.num_bins - 1

    def forward_and_log_det(
        self, x: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        inside = jnp.abs(x) < self.bound
        safe_x = jnp.where(inside, x, 0)
        x_knots, z_knots, derivatives = self._knots(parameters)
        x0, width, z0, height, d0, d1 = _bin(safe_x, x_knots, x_knots, z_knots, derivatives)
        slope = height / width
        xi = (safe_x - x0) / width
        z = z0 + height * _rational(xi, slope, d0, d1)
        log_det = _log_derivative(xi, slope, d0, d1)
        return jnp.where(inside, z, x), jnp.where(inside, log_det, 0)

    def inverse_and_log_det(
        self, z: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        inside = jnp.abs(z) < self.bound
        safe_z = jnp.where(inside, z, 0)
        x_knots, z_knots, derivatives = self._knots(parameters)
        x0, width, z0, height, d0, d1 = _bin(safe_z, z_knots, x_knots, z_knots, derivatives)
        slope = height / width
        # Quadratic in xi (eqs. 6-8), solved in the form that does not cancel.
        eta = (safe_z - z0) / height
        bend = d0 + d1 - 2 * slope
        a = slope - d0 + eta * bend
        b = d0 - eta * bend
        c = -slope * eta
        xi = -2 * c / (b + jnp.sqrt(b * b - 4 * a * c))
        log_det = -_log_derivative(xi, slope, d0, d1)
        return jnp.where(inside, x0 + xi * width, z), jnp.where(inside, log_det, 0)

    def _knots(
        self, parameters: Float[Array, " parameters"]
    ) -> tuple[Float[Array, " knots"], Float[Array, " knots"], Float[Array, " knots"]]:
        widths, heights, inner = jnp.split(parameters, [self.num_bins, 2 * self.num_bins])
        # softplus(_IDENTITY) + _MIN_DERIVATIVE = 1: parameters of zero give slope one.
        identity = float(np.log(np.expm1(1 - _MIN_DERIVATIVE)))
        derivatives = _MIN_DERIVATIVE + jax.nn.softplus(inner + identity)
        return (
            _cumulative(widths, self.bound),
            _cumulative(heights, self.bound),
            jnp.pad(derivatives, 1, constant_values=1.0),
        )


def _cumulative(raw: Float[Array, " bins"], bound: float) -> Float[Array, " knots"]:
    """Knots from -bound to bound exactly, each bin at least `_MIN_BIN` of the whole."""
    num_bins = raw.shape[0]
    share = _MIN_BIN + (1 - _MIN_BIN * num_bins) * jax.nn.softmax(raw)
    # A matrix product with a triangle of ones: XLA's cumsum is slow for short rows on a CPU.
    triangle = jnp.asarray(np.tri(num_bins - 1, num_bins), dtype=raw.dtype)
    inner = 2 * bound * (triangle @ share) - bound
    return jnp.pad(inner, 1, constant_values=(-bound, bound))


def _bin(
    value: Scalar,
    search_knots: Float[Array, " knots"],
    x_knots: Float[Array, " knots"],
    z_knots: Float[Array, " knots"],
    derivatives: Float[Array, " knots"],
) -> tuple[Scalar, Scalar, Scalar, Scalar, Scalar, Scalar]:
    """Left ends, widths and end derivatives of the bin that holds `value`."""
    above = (value >= search_knots[1:-1]).astype(value.dtype)
    # One-hot of the bin: a sum of products is faster than a gather and differentiates as fast.
    one_hot = jnp.pad(above, (1, 0), constant_values=1) - jnp.pad(above, (0, 1))
    table = jnp.stack(
        [x_knots[:-1], x_knots[1:], z_knots[:-1], z_knots[1:], derivatives[:-1], derivatives[1:]]
    )
    x0, x1, z0, z1, d0, d1 = (table * one_hot).sum(axis=1)
    return x0, x1 - x0, z0, z1 - z0, d0, d1


def _rational(xi: Scalar, slope: Scalar, d0: Scalar, d1: Scalar) -> Scalar:
    mixed = xi * (1 - xi)
    return (slope * xi * xi + d0 * mixed) / (slope + (d0 + d1 - 2 * slope) * mixed)


def _log_derivative(xi: Scalar, slope: Scalar, d0: Scalar, d1: Scalar) -> Scalar:
    """Log of eq. 5."""
    mixed = xi * (1 - xi)
    numerator = d1 * xi * xi + 2 * slope * mixed + d0 * (1 - xi) * (1 - xi)
    denominator = slope + (d0 + d1 - 2 * slope) * mixed
    return 2 * jnp.log(slope) + jnp.log(numerator) - 2 * jnp.log(denominator)
