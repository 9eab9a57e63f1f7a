"""Monotone piecewise-quadratic splines."""

import equinox as eqx
import jax.numpy as jnp

from retrodict.bijections.spline_bins import (
    MIN_BIN,
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

# A bin is at least MIN_BIN wide and this steep, which bounds its height from below.
_MIN_SLOPE = 1e-2


class PiecewiseQuadraticTransformer(AbstractTransformer):
    """Piecewise-quadratic spline on [-bound, bound] (Mueller et al. 2019, arXiv:1808.03856).

    The derivative of the map is linear between the knots (sec. 4.2, eqs. 11 to 13). With xi the
    relative position in the bin, w its width and d_k, d_k+1 the derivatives at its ends,

        z = z_k + w (d_k xi + (d_k+1 - d_k) xi^2 / 2)

    The derivatives at the inner knots are learned up to a common factor, which is such that
    they are one at both ends. Outside, the identity: the map and its derivative are continuous
    everywhere.

    Args:
        num_bins: bins between -bound and bound.
        bound: half the width of the square that holds the spline.
    """

    num_bins: int = eqx.field(default=10, static=True)
    bound: float = eqx.field(default=5.0, static=True)

    def __check_init__(self) -> None:
        require_spline(self.num_bins, self.bound, MIN_BIN * _MIN_SLOPE)

    @property
    def num_parameters(self) -> int:
        """Widths of the bins, derivatives at the inner knots."""
        return 2 * self.num_bins - 1

    def forward_and_log_det(
        self, x: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        inside = jnp.abs(x) < self.bound
        safe_x = jnp.where(inside, x, 0)
        found, start, end = self._bin(safe_x, parameters, among_z=False)
        xi = within((safe_x - found.x0) / found.width)
        z = found.z0 + found.height * xi * (start + (end - start) * xi / 2)
        log_det = jnp.log(found.slope) + jnp.log(start * (1 - xi) + end * xi)
        return jnp.where(inside, z, x), jnp.where(inside, log_det, 0)

    def inverse_and_log_det(
        self, z: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        inside = jnp.abs(z) < self.bound
        safe_z = jnp.where(inside, z, 0)
        found, start, end = self._bin(safe_z, parameters, among_z=True)
        # From the end with the smaller derivative no term is negative: nothing cancels.
        rising = end >= start
        low, high = jnp.where(rising, start, end), jnp.where(rising, end, start)
        eta = within(jnp.where(rising, safe_z - found.z0, found.z1 - safe_z) / found.height)
        density = jnp.sqrt(low * low + 2 * (high - low) * eta)
        from_low = 2 * eta / (low + density)
        x = found.x0 + found.width * jnp.where(rising, from_low, 1 - from_low)
        log_det = -jnp.log(found.slope) - jnp.log(density)
        return jnp.where(inside, x, z), jnp.where(inside, log_det, 0)

    def _bin(
        self, value: Scalar, parameters: Float[Array, " parameters"], *, among_z: bool
    ) -> tuple[Bin, Scalar, Scalar]:
        """The bin that holds a value, and the derivatives at its ends over its mean slope."""
        widths, derivatives = jnp.split(parameters, [self.num_bins])
        width = shares(widths)
        free = derivative(derivatives)
        # Trapezoids over all bins add up to one if this is the value at both ends.
        area = free @ (width[:-1] + width[1:]) / (2 - width[0] - width[-1])
        inner = _MIN_SLOPE + (1 - _MIN_SLOPE) * free / area
        starts = jnp.pad(inner, (1, 0), constant_values=1)
        ends = jnp.pad(inner, (0, 1), constant_values=1)
        mean = (starts + ends) / 2
        x_knots = inner_knots(width, self.bound)
        z_knots = inner_knots(width * mean, self.bound)
        found = find_bin(value, x_knots, z_knots, self.bound, among_z=among_z)
        return found, pick(starts / mean, found.one_hot), pick(ends / mean, found.one_hot)
