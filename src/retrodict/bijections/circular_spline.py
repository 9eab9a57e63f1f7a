"""Monotone splines of an angle."""

import equinox as eqx
import jax
import jax.numpy as jnp

from retrodict.bijections.rational_quadratic import inverse_rational_quadratic, rational_quadratic
from retrodict.bijections.spline_bins import (
    Bin,
    derivative,
    find_bin,
    inner_knots,
    pick,
    require_spline,
    shares,
)
from retrodict.bijections.transformers import AbstractTransformer
from retrodict.typing import Array, Float, Scalar


class CircularSplineTransformer(AbstractTransformer):
    """Rational-quadratic spline of the circle, then a rotation (Rezende et al. 2020).

    A spline of [-pi, pi) whose derivatives at both ends are one and the same parameter is
    smooth across the seam; the learned rotation frees the point where the two ends meet
    (arXiv:2002.02428, sec. 2.2 and 2.3). Angles are taken modulo 2 pi, results lie in
    [-pi, pi).

    Args:
        num_bins: bins between -pi and pi.
    """

    num_bins: int = eqx.field(default=10, static=True)

    def __check_init__(self) -> None:
        require_spline(self.num_bins, jnp.pi)

    @property
    def num_parameters(self) -> int:
        """Widths and heights of the bins, derivatives at the knots, the rotation."""
        return 3 * self.num_bins + 1

    @property
    def is_circular(self) -> bool:
        return True

    def forward_and_log_det(
        self, x: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        x = wrap(x)
        z, log_det = rational_quadratic(x, *self._bin(x, parameters, among_z=False))
        return wrap(z + parameters[-1]), log_det

    def inverse_and_log_det(
        self, z: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        z = wrap(z - parameters[-1])
        x, log_det = inverse_rational_quadratic(z, *self._bin(z, parameters, among_z=True))
        return wrap(x), log_det

    def _bin(
        self, value: Scalar, parameters: Float[Array, " parameters"], *, among_z: bool
    ) -> tuple[Bin, Scalar, Scalar]:
        """The bin that holds an angle, and the derivatives at its ends."""
        widths, heights, derivatives = jnp.split(
            parameters[:-1], [self.num_bins, 2 * self.num_bins]
        )
        x_knots = inner_knots(shares(widths), jnp.pi)
        z_knots = inner_knots(shares(heights), jnp.pi)
        found = find_bin(value, x_knots, z_knots, jnp.pi, among_z=among_z)
        # The last derivative is also the first: both belong to the seam.
        d0 = derivative(pick(jnp.roll(derivatives, 1), found.one_hot))
        d1 = derivative(pick(derivatives, found.one_hot))
        return found, d0, d1


def wrap(angle: Scalar) -> Scalar:
    """The same angle in [-pi, pi); one that lies there already is not rounded."""
    turns = jnp.floor((angle + jnp.pi) / (2 * jnp.pi))
    wrapped = angle - 2 * jnp.pi * turns
    # Rounding may end at pi itself, which is -pi, or just below -pi.
    wrapped = jnp.where(wrapped >= jnp.pi, wrapped - 2 * jnp.pi, wrapped)
    wrapped = wrapped + jax.lax.stop_gradient(jnp.maximum(wrapped, -jnp.pi) - wrapped)
    return jnp.where((angle >= -jnp.pi) & (angle < jnp.pi), angle, wrapped)
