"""Monotone rational-quadratic splines with linear tails."""

import equinox as eqx
import jax.numpy as jnp

from retrodict.bijections.spline_bins import (
    Bin,
    derivative,
    find_bin,
    inner_knots,
    pick,
    require_spline,
    shares,
    within,
)
from retrodict.bijections.transformers import AbstractTransformer
from retrodict.typing import Array, Float, Scalar


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
        require_spline(self.num_bins, self.bound)

    @property
    def num_parameters(self) -> int:
        """Widths and heights of the bins, derivatives at the inner knots."""
        return 3 * self.num_bins - 1

    def forward_and_log_det(
        self, x: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        inside = jnp.abs(x) < self.bound
        safe_x = jnp.where(inside, x, 0)
        z, log_det = rational_quadratic(safe_x, *self._bin(safe_x, parameters, among_z=False))
        return jnp.where(inside, z, x), jnp.where(inside, log_det, 0)

    def inverse_and_log_det(
        self, z: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        inside = jnp.abs(z) < self.bound
        safe_z = jnp.where(inside, z, 0)
        x, log_det = inverse_rational_quadratic(
            safe_z, *self._bin(safe_z, parameters, among_z=True)
        )
        return jnp.where(inside, x, z), jnp.where(inside, log_det, 0)

    def _bin(
        self, value: Scalar, parameters: Float[Array, " parameters"], *, among_z: bool
    ) -> tuple[Bin, Scalar, Scalar]:
        """The bin that holds a value, and the derivatives at its ends."""
        widths, heights, derivatives = jnp.split(parameters, [self.num_bins, 2 * self.num_bins])
        x_knots = inner_knots(shares(widths), self.bound)
        z_knots = inner_knots(shares(heights), self.bound)
        found = find_bin(value, x_knots, z_knots, self.bound, among_z=among_z)
        # The outer knots have no parameter: there the sum is zero and the derivative one.
        d0 = derivative(pick(derivatives, found.one_hot[1:]))
        d1 = derivative(pick(derivatives, found.one_hot[:-1]))
        return found, d0, d1


def rational_quadratic(x: Scalar, found: Bin, d0: Scalar, d1: Scalar) -> tuple[Scalar, Scalar]:
    """z and log dz/dx in one bin, with derivatives d0 and d1 at its ends (eqs. 4 and 5)."""
    slope = found.slope
    xi = within((x - found.x0) / found.width)
    mixed = xi * (1 - xi)
    eta = (slope * xi * xi + d0 * mixed) / (slope + (d0 + d1 - 2 * slope) * mixed)
    return found.z0 + found.height * eta, _log_derivative(xi, slope, d0, d1)


def inverse_rational_quadratic(
    z: Scalar, found: Bin, d0: Scalar, d1: Scalar
) -> tuple[Scalar, Scalar]:
    """x and log dx/dz in one bin, with derivatives d0 and d1 at its ends (eqs. 6 to 8)."""
    slope = found.slope
    # Quadratic in xi, solved in the form that does not cancel.
    eta = within((z - found.z0) / found.height)
    bend = d0 + d1 - 2 * slope
    a = slope - d0 + eta * bend
    b = d0 - eta * bend
    c = -slope * eta
    xi = -2 * c / (b + jnp.sqrt(b * b - 4 * a * c))
    return found.x0 + xi * found.width, -_log_derivative(xi, slope, d0, d1)


def _log_derivative(xi: Scalar, slope: Scalar, d0: Scalar, d1: Scalar) -> Scalar:
    """Log of eq. 5."""
    mixed = xi * (1 - xi)
    numerator = d1 * xi * xi + 2 * slope * mixed + d0 * (1 - xi) * (1 - xi)
    denominator = slope + (d0 + d1 - 2 * slope) * mixed
    return 2 * jnp.log(slope) + jnp.log(numerator) - 2 * jnp.log(denominator)
