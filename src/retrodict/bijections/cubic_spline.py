"""Monotone cubic splines."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from retrodict.bijections.spline_bins import (
    Bin,
    find_bin,
    inner_knots,
    pick,
    require_spline,
    shares,
    within,
)
from retrodict.bijections.transformers import AbstractTransformer
from retrodict.typing import Array, Float, Scalar

# The derivative at an end lies between these shares of the largest that is monotone.
_LEAST, _MOST = 0.01, 0.99
_AT_ZERO = (1 / 3 - _LEAST) / (_MOST - _LEAST)
_IDENTITY = float(np.log(_AT_ZERO / (1 - _AT_ZERO)))


class CubicSplineTransformer(AbstractTransformer):
    """Monotone cubic spline on [-bound, bound] (Durkan et al. 2019, arXiv:1906.02145).

    The derivatives at the inner knots follow from the knots by Steffen's rule, with w and s the
    widths and slopes of the bins at its two sides (Steffen 1990, eq. 11, for rising data):

        d_k = min(2 s_k-1, 2 s_k, (s_k-1 w_k + s_k w_k-1) / (w_k-1 + w_k))

    Outside, the identity. Between -bound and bound the derivative is continuous; at both ends
    it is learned, between zero and three times the slope of the bin, and jumps to one.

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
        """Widths and heights of the bins, derivatives at both ends."""
        return 2 * self.num_bins + 2

    def forward_and_log_det(
        self, x: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        inside = jnp.abs(x) < self.bound
        safe_x = jnp.where(inside, x, 0)
        found, start, end = self._bin(safe_x, parameters, among_z=False)
        xi = within((safe_x - found.x0) / found.width)
        z = found.z0 + found.height * _cubic(xi, start, end)
        log_det = jnp.log(found.slope) + jnp.log(_slope(xi, start, end))
        return jnp.where(inside, z, x), jnp.where(inside, log_det, 0)

    def inverse_and_log_det(
        self, z: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        inside = jnp.abs(z) < self.bound
        safe_z = jnp.where(inside, z, 0)
        found, start, end = self._bin(safe_z, parameters, among_z=True)
        xi = inverse_cubic(within((safe_z - found.z0) / found.height), start, end)
        log_det = -jnp.log(found.slope) - jnp.log(_slope(xi, start, end))
        return (
            jnp.where(inside, found.x0 + xi * found.width, z),
            jnp.where(inside, log_det, 0),
        )

    def _bin(
        self, value: Scalar, parameters: Float[Array, " parameters"], *, among_z: bool
    ) -> tuple[Bin, Scalar, Scalar]:
        """The bin that holds a value, and the derivatives at its ends over its slope."""
        widths, heights, ends = jnp.split(parameters, [self.num_bins, 2 * self.num_bins])
        width, height = shares(widths), shares(heights)
        slope = height / width
        left, right = slope[:-1], slope[1:]
        parabola = (left * width[1:] + right * width[:-1]) / (width[:-1] + width[1:])
        inner = jnp.minimum(2 * jnp.minimum(left, right), parabola)
        share = _LEAST + (_MOST - _LEAST) * jax.nn.sigmoid(_IDENTITY + ends)
        first, last = 3 * share[:1] * slope[:1], 3 * share[1:] * slope[-1:]
        x_knots, z_knots = inner_knots(width, self.bound), inner_knots(height, self.bound)
        found = find_bin(value, x_knots, z_knots, self.bound, among_z=among_z)
        starts = jnp.concatenate([first, inner]) / slope
        ends = jnp.concatenate([inner, last]) / slope
        return found, pick(starts, found.one_hot), pick(ends, found.one_hot)


def _cubic(xi: Scalar, start: Scalar, end: Scalar) -> Scalar:
    """The cubic from 0 to 1 with the given derivatives there, in Bernstein's basis.

    No term is negative while the derivatives are at most three, so that nothing cancels.
    """
    rest = 1 - xi
    return start * xi * rest * rest + (3 - end) * xi * xi * rest + xi * xi * xi


def _slope(xi: Scalar, start: Scalar, end: Scalar) -> Scalar:
    """Its derivative."""
    rest = 1 - xi
    return start * rest * rest + 2 * (3 - start - end) * xi * rest + end * xi * xi


@jax.custom_jvp
def inverse_cubic(eta: Scalar, start: Scalar, end: Scalar) -> Scalar:
    """The xi between 0 and 1 at which the monotone cubic from 0 to 1 takes the value eta.

    By Cardano's formula, arranged such that nothing cancels, also where the cubic is nearly a
    parabola or a line. From the end nearer to the root, where xi <= 1/2, let v = eta / xi:

        v^3 - d_0 v^2 - b eta v - a eta^2 = 0,   a = d_0 + d_1 - 2,   b = 3 - 2 d_0 - d_1

    The leading coefficient is one, and the root sought is the largest real one: v = t + d_0 / 3
    with both terms positive.

    Args:
        eta: between 0 and 1.
        start: derivative d_0 at 0, positive and at most 3.
        end: derivative d_1 at 1, likewise.
    """
    mirrored = eta > (4 + start - end) / 8
    near, far = jnp.where(mirrored, end, start), jnp.where(mirrored, start, end)
    eta = jnp.where(mirrored, 1 - eta, eta)
    # In units of `scale` the coefficients are of order one, however small near and eta are.
    scale = jnp.maximum(near, jnp.sqrt(eta))
    c2 = near / scale
    c1 = (3 - 2 * near - far) * eta / scale / scale
    c0 = (near + far - 2) * (eta / scale) ** 2 / scale
    xi = eta / scale / (c2 / 3 + _largest_root(-c1 - c2**2 / 3, -c0 - c1 * c2 / 3 - 2 * c2**3 / 27))
    return jnp.where(mirrored, 1 - xi, xi)


@inverse_cubic.defjvp
def _inverse_cubic_jvp(
    primals: tuple[Scalar, Scalar, Scalar], tangents: tuple[Scalar, Scalar, Scalar]
) -> tuple[Scalar, Scalar]:
    """By the implicit function theorem: the formula itself has branches and square roots."""
    eta, start, end = primals
    d_eta, d_start, d_end = tangents
    xi = inverse_cubic(eta, start, end)
    rest = 1 - xi
    change = d_eta - xi * rest * rest * d_start + xi * xi * rest * d_end
    return xi, change / _slope(xi, start, end)


def _largest_root(p: Scalar, q: Scalar) -> Scalar:
    """The largest real t with t^3 + p t + q = 0, given that it is positive."""
    discriminant = (q / 2) ** 2 + (p / 3) ** 3
    root = jnp.sqrt(jnp.abs(discriminant))
    angle = jnp.arctan2(root, -q / 2)
    one_of_three = 2 * jnp.sqrt(jnp.maximum(-p / 3, 0)) * jnp.cos(angle / 3)
    larger = jnp.cbrt(-q / 2 + root)
    smaller = p / (3 * larger)
    the_only = -q / (larger**2 + smaller**2 + p / 3)
    return jnp.where(discriminant < 0, one_of_three, the_only)
