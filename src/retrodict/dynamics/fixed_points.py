"""Where a map of one number stands still, and whether it comes back there."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from retrodict.dynamics.interval import grid_on
from retrodict.errors import ConfigurationError, NonFiniteError
from retrodict.typing import Array, Float, Scalar

_Map = Callable[[Scalar], Scalar]
# Halvings of a bracket: more than there are digits in any of its numbers.
_HALVINGS = 80


@dataclass(frozen=True)
class FixedPoint:
    """x* = f(x*).

    Attributes:
        x: the point.
        multiplier: f'(x*), by which a small distance from it is multiplied in each step.
        precision: of the multiplier.
    """

    x: float
    multiplier: float
    precision: float = 1e-3

    @property
    def stability(self) -> str:
        """Attracting where |f'| < 1, repelling where |f'| > 1, else neutral."""
        if abs(abs(self.multiplier) - 1) <= self.precision:
            return "neutral"
        return "attracting" if abs(self.multiplier) < 1 else "repelling"

    def __str__(self) -> str:
        return f"x = {self.x:.4g} is {self.stability} (slope {self.multiplier:.4g})"


def fixed_points(
    map: _Map,  # noqa: A002 (what it is)
    lower: float,
    upper: float,
    num_points: int = 2001,
) -> tuple[FixedPoint, ...]:
    """All fixed points of a map on an interval, in ascending order.

    Found are the changes of sign of f(x) - x from one grid point to the next, refined by
    bisection, and the points where f touches the diagonal without crossing it, as changes of
    sign of f'(x) - 1 where f(x) - x is zero to rounding. Jumps across the diagonal are not
    fixed points and are left out. Two fixed points between neighbours of the grid are missed.

    Args:
        map: of one number, differentiable by JAX.
        lower: start of the interval, included.
        upper: its end, included.
        num_points: of the grid.

    Raises:
        ConfigurationError: no proper interval, or a whole interval of fixed points.
        NonFiniteError: the map is NaN or infinite on the grid.
    """
    grid = grid_on(lower, upper, num_points)

    def distance(x: Scalar) -> Scalar:
        return map(x) - x

    distances = np.asarray(jax.vmap(distance)(grid))
    if not np.isfinite(distances).all():
        place = float(grid[np.argmin(np.isfinite(distances))])
        raise NonFiniteError(f"The map is NaN or infinite at x = {place:.6g}.")
    zero = distances == 0
    if (zero[1:] & zero[:-1]).any():
        start = float(grid[np.argmax(zero[1:] & zero[:-1])])
        raise ConfigurationError(
            f"Every point near x = {start:.6g} is a fixed point; they cannot be listed.",
            "Choose an interval on which the map is not the identity.",
        )
    crossings = _sign_changes(distance, grid)
    touches = _sign_changes(jax.grad(distance), grid)
    candidates = jnp.concatenate([grid[zero], crossings, touches])
    slopes = jax.vmap(jax.grad(map))(candidates)
    # To the roundings of x, seen through the slope of f(x) - x.
    eps = float(jnp.finfo(grid.dtype).eps)
    rounding = 16 * eps * (1 + abs(candidates)) * (1 + abs(slopes))
    is_fixed = np.asarray(abs(jax.vmap(distance)(candidates)) <= rounding)
    found = sorted(zip(np.asarray(candidates)[is_fixed], np.asarray(slopes)[is_fixed], strict=True))
    precision = float(np.sqrt(eps)) * 4
    points: list[FixedPoint] = []
    for x, slope in found:
        # Where f touches the diagonal, rounding scatters one point over the root of eps.
        apart = precision * (1 + abs(x)) if abs(slope - 1) < 0.1 else 8 * eps * (1 + abs(x))
        if not points or x - points[-1].x > apart:
            points.append(FixedPoint(float(x), float(slope), precision))
    return tuple(points)


def _sign_changes(
    function: Callable[[Scalar], Scalar], grid: Float[Array, " points"]
) -> Float[Array, " changes"]:
    """Where a function changes its sign between neighbours of a grid, by bisection."""
    signs = np.sign(np.asarray(jax.vmap(function)(grid)))
    (cells,) = np.nonzero(signs[1:] * signs[:-1] < 0)

    def halve(_: Array, bracket: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
        left, right = bracket
        middle = (left + right) / 2
        is_right = jnp.sign(function(middle)) == jnp.sign(function(left))
        return jnp.where(is_right, middle, left), jnp.where(is_right, right, middle)

    def solve(left: Scalar, right: Scalar) -> Scalar:
        left, right = jax.lax.fori_loop(0, _HALVINGS, halve, (left, right))
        closer = abs(function(left)) < abs(function(right))
        return jnp.where(closer, left, right)

    return jax.vmap(solve)(grid[cells], grid[cells + 1])
