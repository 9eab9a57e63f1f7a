"""A map of one number, applied again and again."""

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from retrodict.plots.style import BLUE, INK, MUTED, VERMILION, in_style, literal
from retrodict.plots.ticks import tidy_ticks
from retrodict.typing import Scalar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from retrodict.plots.arrays import Numbers

_NUM_POINTS = 801


@in_style
def cobweb(
    map: Callable[[Scalar], Scalar],  # noqa: A002 (what it is)
    x0: float,
    num_steps: int,
    lower: float = 0.0,
    upper: float = 1.0,
    *,
    title: str = "",
) -> "Figure":
    """The graph of a map, the diagonal, and the stairs of an orbit between them.

    Each step goes up or down to the graph, which is the next value, and across to the
    diagonal, which makes it the present one. Fixed points, where both lines meet, are filled
    where they attract and open where they do not.

    Args:
        map: of one number, differentiable by JAX.
        x0: where the orbit starts.
        num_steps: of the orbit; steps that leave the interval are cut at the frame.
        lower: start of the interval that is shown.
        upper: its end.
        title: above the picture.

    Raises:
        ConfigurationError: no proper interval, or a negative number of steps.
        NonFiniteError: the map is NaN or infinite on the interval.
    """
    import jax
    import jax.numpy as jnp
    from matplotlib.figure import Figure

    from retrodict.dynamics import fixed_points, orbit

    points = fixed_points(map, lower, upper)
    x = np.linspace(lower, upper, _NUM_POINTS)
    y = np.asarray(jax.vmap(map)(jnp.asarray(x, dtype=float)), dtype=float)
    path = np.asarray(orbit(map, x0, num_steps), dtype=float)

    figure = Figure(figsize=(3.7, 3.8), layout="constrained")
    ax = figure.add_subplot()
    tidy_ticks(ax)
    ax.axline((lower, lower), slope=1, color=MUTED, lw=1, ls=(0, (4, 2)), zorder=1)
    for piece in _continuous(x, y):
        ax.plot(x[piece], y[piece], color=BLUE, lw=2, zorder=2)
    _draw_stairs(ax, path)
    for point in points:
        is_attracting = point.stability == "attracting"
        ax.plot(
            point.x, point.x, "o", ms=7, mec=INK, mew=1.4, mfc=INK if is_attracting else "white",
            zorder=5, clip_on=False,
        )  # fmt: skip
    shown = y[(y >= lower) & (y <= upper)]
    low, high = (min(lower, shown.min()), max(upper, shown.max())) if shown.size else (lower, upper)
    ax.set_xlim(lower, upper)
    ax.set_ylim(low, high)
    ax.set_aspect("equal")
    ax.set_xlabel("$x_t$")
    ax.set_ylabel("$x_{t+1}$", rotation=0, labelpad=12)
    ax.set_title(literal(title))
    return figure


def _draw_stairs(ax: "Axes", path: "Numbers") -> None:
    corners_x, corners_y = np.repeat(path, 2)[:-1], np.repeat(path, 2)[1:]
    is_long = path.size > 60
    ax.plot(
        corners_x, corners_y, color=VERMILION, lw=0.8 if is_long else 1.2,
        alpha=0.45 if is_long else 0.9, zorder=3, solid_joinstyle="miter",
    )  # fmt: skip
    ax.plot(path[0], path[0], "o", ms=4, color=VERMILION, zorder=4)


def _continuous(x: "Numbers", y: "Numbers") -> list[slice]:
    """Pieces of a graph between its jumps, which would be drawn as steep lines otherwise."""
    steps = np.abs(np.diff(y))
    jumps = np.flatnonzero(steps > 0.25 * (x[-1] - x[0])) + 1
    ends = [0, *jumps.tolist(), len(x)]
    return [slice(start, end) for start, end in pairwise(ends)]
