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
_IDENTITY = float(np.log(np.expm1(1 - _MIN_DERIVATIVE)))


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
        x0, width, z0, height, d0, d1 = self._bin(safe_x, parameters)
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
        x0, width, z0, height, d0, d1 = self._bin(safe_z, parameters, among_z=True)
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

    def _bin(
        self, value: Scalar, parameters: Float[Array, " parameters"], *, among_z: bool = False
    ) -> tuple[Scalar, Scalar, Scalar, Scalar, Scalar, Scalar]:
        """x_k, width, z_k, height, d_k and d_k+1 of the bin whose x (or z) range holds a value."""
        widths, heights, derivatives = jnp.split(parameters, [self.num_bins, 2 * self.num_bins])
        x_knots, z_knots = self._inner_knots(widths), self._inner_knots(heights)
        above = (value >= (z_knots if among_z else x_knots)).astype(parameters.dtype)
        # One-hot of the bin: products with it are faster than gathers, forwards and backwards.
        one_hot = jnp.pad(above, (1, 0), constant_values=1) - jnp.pad(above, (0, 1))
        x0 = jnp.pad(x_knots, (1, 0), constant_values=-self.bound) @ one_hot
        x1 = jnp.pad(x_knots, (0, 1), constant_values=self.bound) @ one_hot
        z0 = jnp.pad(z_knots, (1, 0), constant_values=-self.bound) @ one_hot
        z1 = jnp.pad(z_knots, (0, 1), constant_values=self.bound) @ one_hot
        # softplus(_IDENTITY) = 1 - _MIN_DERIVATIVE: parameters of zero give a slope of one, and
        # so do the outer knots, which have no parameter.
        d0 = _MIN_DERIVATIVE + jax.nn.softplus(_IDENTITY + derivatives @ one_hot[1:])
        d1 = _MIN_DERIVATIVE + jax.nn.softplus(_IDENTITY + derivatives @ one_hot[:-1])
        return x0, x1 - x0, z0, z1 - z0, d0, d1

    def _inner_knots(self, raw: Float[Array, " bins"]) -> Float[Array, " knots"]:
        """Knots between -bound and bound, each bin at least `_MIN_BIN` of the whole."""
        share = _MIN_BIN + (1 - _MIN_BIN * self.num_bins) * jax.nn.softmax(raw)
        # A product with a triangle of ones: XLA's cumsum is slow for short rows on a CPU.
        triangle = jnp.asarray(np.tri(self.num_bins - 1, self.num_bins), raw.dtype)
        return 2 * self.bound * (triangle @ share) - self.bound


def _rational(xi: Scalar, slope: Scalar, d0: Scalar, d1: Scalar) -> Scalar:
    mixed = xi * (1 - xi)
    return (slope * xi * xi + d0 * mixed) / (slope + (d0 + d1 - 2 * slope) * mixed)


def _log_derivative(xi: Scalar, slope: Scalar, d0: Scalar, d1: Scalar) -> Scalar:
    """Log of eq. 5."""
    mixed = xi * (1 - xi)
    numerator = d1 * xi * xi + 2 * slope * mixed + d0 * (1 - xi) * (1 - xi)
    denominator = slope + (d0 + d1 - 2 * slope) * mixed
    return 2 * jnp.log(slope) + jnp.log(numerator) - 2 * jnp.log(denominator)
