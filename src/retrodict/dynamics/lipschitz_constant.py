"""How much a map can pull two points apart."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from retrodict.dynamics.interval import grid_on
from retrodict.errors import NonFiniteError
from retrodict.typing import Array, Float, Scalar

_GOLDEN = (5**0.5 - 1) / 2


def lipschitz_constant(
    map: Callable[[Scalar], Scalar],  # noqa: A002 (what it is)
    lower: float,
    upper: float,
    num_points: int = 2001,
) -> float:
    """The Lipschitz constant of a map of one number on an interval: the largest |f'(x)|.

    Every local maximum of |f'| on a grid is refined by golden-section search between its
    neighbours. It is exact to rounding, unless |f'| has a peak narrower than the grid. For a
    map with jumps, which has no Lipschitz constant, it is that of the pieces.

    Args:
        map: differentiable by JAX.
        lower: start of the interval, included.
        upper: its end, included.
        num_points: of the grid.

    Raises:
        ConfigurationError: no proper interval.
        NonFiniteError: the slope is NaN or infinite on the grid.
    """
    grid = grid_on(lower, upper, num_points)

    def steepness(x: Scalar) -> Scalar:
        return abs(jax.grad(map)(x))

    values = np.asarray(jax.vmap(steepness)(grid))
    if not np.isfinite(values).all():
        place = float(grid[np.argmin(np.isfinite(values))])
        raise NonFiniteError(f"The slope of the map is NaN or infinite at x = {place:.6g}.")
    padded = np.concatenate([[-np.inf], values, [-np.inf]])
    (peaks,) = np.nonzero((values >= padded[:-2]) & (values >= padded[2:]))
    left, right = grid[np.maximum(peaks - 1, 0)], grid[np.minimum(peaks + 1, num_points - 1)]

    def narrow(_: Array, bracket: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
        left, right = bracket
        width = _GOLDEN * (right - left)
        is_left = steepness(right - width) > steepness(left + width)
        return jnp.where(is_left, left, right - width), jnp.where(is_left, left + width, right)

    def refine(left: Scalar, right: Scalar) -> Scalar:
        left, right = jax.lax.fori_loop(0, 60, narrow, (left, right))
        return steepness((left + right) / 2)

    return float(max(values.max(), jax.vmap(refine)(left, right).max()))


def lipschitz_lower_bound(
    map: Callable[[Float[Array, " dim"]], Float[Array, " out"]],  # noqa: A002 (what it is)
    points: Float[Array, "rows dim"],
) -> Scalar:
    """The largest spectral norm of the Jacobian at some points.

    A *lower* bound of the Lipschitz constant sup_x |Df(x)|_2: it shows that a promised bound is
    broken, never that it holds. The norm is the largest singular value, which equals the
    largest |eigenvalue| only for normal matrices and may be much larger.

    Args:
        map: of one point.
        points: where to look.
    """
    jacobians = jax.vmap(jax.jacfwd(map))(points)
    return jnp.linalg.norm(jacobians, ord=2, axis=(-2, -1)).max()
