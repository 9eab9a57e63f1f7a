"""What comes back from compressed rows, against what they were."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from retrodict.plots.arrays import checked
from retrodict.plots.grid import add_note, panel_grid
from retrodict.plots.style import BLUE, GREEN, MUTED, VERMILION, in_style, literal
from retrodict.variables import Variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from retrodict.plots.arrays import Numbers

_COLORS = (BLUE, VERMILION, GREEN)
_NUM_CELLS = 70
_NUM_BINS = 30


@in_style
def reconstruction(
    observed: ArrayLike,
    reconstructed: ArrayLike,
    per_feature: Mapping[str, ArrayLike],
    *,
    unit: str = "",
) -> "Figure":
    """All entries against their reconstruction, and R^2 of each column by several methods.

    Args:
        observed: `(rows, columns)`.
        reconstructed: likewise.
        per_feature: R^2 of each column, by the name of the method; NaN is left out.
        unit: of the entries.

    Raises:
        ShapeError: shapes that do not agree.
        NonFiniteError: NaN or infinity among the entries.
    """
    true = checked("observed", observed, (None, None), ("rows", "columns"))
    back = checked("reconstructed", reconstructed, true.shape, ("rows", "columns"))
    figure, (left, right) = panel_grid(2, panel=(2.9, 2.9))
    _draw_entries(left, true.ravel(), back.ravel())
    left.set_xlabel(Variable("observed", unit).label)
    left.set_ylabel(Variable("reconstructed", unit).label)
    lowest = _draw_r_squared(right, per_feature)
    right.set_xlabel("R\N{SUPERSCRIPT TWO} of a column")
    right.set_ylabel("columns")
    add_note(
        figure,
        f"{len(true):,} rows x {true.shape[1]:,} columns; darker: more entries."
        + (f" {lowest:,} columns below 0 stand at the left edge." if lowest else ""),
    )
    return figure


def _draw_entries(ax: "Axes", true: "Numbers", back: "Numbers") -> None:
    from matplotlib.colors import LinearSegmentedColormap, LogNorm

    low, high = min(true.min(), back.min()), max(true.max(), back.max())
    high = high if high > low else low + 1
    counts, *_ = np.histogram2d(true, back, bins=_NUM_CELLS, range=[[low, high]] * 2)
    colors = LinearSegmentedColormap.from_list("ink", ["#d5e5f1", BLUE, "#00263d"])
    ax.imshow(
        np.ma.masked_equal(counts.T, 0), origin="lower", extent=(low, high, low, high),
        aspect="equal", cmap=colors, norm=LogNorm(1, max(counts.max(), 2)), interpolation="none",
    )  # fmt: skip
    ax.axline((low, low), slope=1, color=MUTED, lw=1, ls=(0, (4, 2)))


def _draw_r_squared(ax: "Axes", per_feature: Mapping[str, ArrayLike]) -> int:
    """The distributions; returns how many columns are off the left edge, over all methods."""
    lowest = 0
    edges = np.linspace(0, 1, _NUM_BINS + 1)
    for color, (name, values) in zip(_COLORS, per_feature.items(), strict=False):
        finite = np.asarray(values, float)
        finite = finite[np.isfinite(finite)]
        lowest = max(lowest, int((finite < 0).sum()))
        counts, _ = np.histogram(np.clip(finite, 0, 1), edges)
        label = f"{name}: median {np.median(finite):.2f}" if finite.size else name
        ax.stairs(counts, edges, color=color, lw=1.8, label=literal(label))
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.25 * max(ax.get_ylim()[1], 1))
    ax.legend(loc="upper left", borderaxespad=0.1, fontsize=8.5)
    return lowest
