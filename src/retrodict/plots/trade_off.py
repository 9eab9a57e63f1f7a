"""How good against how long: one point per method."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from retrodict.plots.arrays import checked
from retrodict.plots.style import BLUE, MUTED, in_style, literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INCHES_PER_LABEL = 0.24
_LEAST_DECADES = 1.0
# Unbiased estimates may be zero or below; from here to zero the axis is linear.
_LINEAR_BELOW = 1e-4


@in_style
def trade_off(
    seconds: ArrayLike,
    mismatch: ArrayLike,
    labels: Sequence[str],
    *,
    seconds_label: str = "training time (s)",
    mismatch_label: str = "mismatch to the exact posterior (MMD²)",
) -> "Figure":
    """Mismatch against time, both on logarithmic axes, with the methods' names at the right.

    Args:
        seconds: of each method.
        mismatch: of each method; values below 1e-4 are on a linear part of the axis.
        labels: the methods' names.
        seconds_label: for the axis.
        mismatch_label: for the axis.

    Raises:
        ShapeError: lengths that do not agree.
        NonFiniteError: NaN or infinity among the numbers.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import ConnectionPatch
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, SymmetricalLogLocator

    num = len(labels)
    x = checked("seconds", seconds, (num,), ("methods",))
    y = checked("mismatch", mismatch, (num,), ("methods",))
    height = max(3.4, 0.9 + _INCHES_PER_LABEL * num)
    figure = Figure(figsize=(8.4, height))
    ax = figure.add_axes((0.105, 0.55 / height, 0.53, 1 - 0.75 / height))
    ax.set_xscale("log")
    ax.set_yscale("symlog", linthresh=_LINEAR_BELOW)
    ax.scatter(x, y, s=38, color=BLUE, zorder=3)
    ax.grid(visible=True)
    middle, decades = np.sqrt(x.min() * x.max()), np.log10(x.max() / x.min()) * 0.5
    reach = 10 ** max(_LEAST_DECADES / 2, 1.12 * decades)
    ax.set_xlim(middle / reach, middle * reach)
    ax.set_ylim(min(0.0, 1.3 * y.min()) if y.min() < _LINEAR_BELOW else y.min() / 1.8, None)
    ax.set_ylim(top=max(y.max() * 1.8, _LINEAR_BELOW))
    few_decades = x.max() < 1000 * x.min()
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few_decades else (1.0,)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    low, high = ax.get_ylim()
    if low > 0 and high < 30 * low:
        ax.yaxis.set_major_locator(
            SymmetricalLogLocator(base=10, linthresh=_LINEAR_BELOW, subs=[1, 2, 5])
        )
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.set_xlabel(seconds_label)
    ax.set_ylabel(mismatch_label)

    figure.draw_without_rendering()
    heights = ax.transAxes.inverted().transform(ax.transData.transform(np.stack([x, y], axis=1)))
    gap = _INCHES_PER_LABEL / (height * ax.get_position().height)
    places = _spread(heights[:, 1], gap)
    for i, label in enumerate(labels):
        start, end = (x[i], y[i]), (1.06, float(places[i]))
        line = ConnectionPatch(
            start, end, "data", "axes fraction", axesA=ax, axesB=ax, color=MUTED, lw=0.6,
            alpha=0.7, shrinkA=4, zorder=2,
        )  # fmt: skip
        figure.add_artist(line)
        ax.text(
            1.07, places[i], literal(label), transform=ax.transAxes, va="center", ha="left",
            fontsize=9, clip_on=False,
        )  # fmt: skip
    return figure


def _spread(heights: np.ndarray, gap: float) -> np.ndarray:
    """The heights, moved apart to at least `gap` and kept between 0 and 1 where they fit."""
    order = np.argsort(heights, kind="stable")
    steps = gap * np.arange(len(heights))
    # Least squares under the order: pool neighbours that would overlap, each block at its mean.
    blocks: list[tuple[float, int]] = []
    for value in heights[order] - steps:
        mean, count = float(value), 1
        while blocks and blocks[-1][0] > mean:
            before, size = blocks.pop()
            mean, count = (before * size + mean * count) / (size + count), size + count
        blocks.append((mean, count))
    pooled = np.concatenate([np.full(count, mean) for mean, count in blocks])
    placed = np.clip(pooled, 0, max(0.0, 1 - steps[-1])) + steps
    result = np.empty_like(placed)
    result[order] = placed
    return result
