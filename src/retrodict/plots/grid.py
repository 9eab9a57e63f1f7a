"""A grid of small panels, one per variable; which ones, and a plain word on the others."""

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from retrodict.plots.labels import some_of
from retrodict.plots.style import MUTED, literal
from retrodict.plots.ticks import tidy_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_PANELS = 24
_LETTERS_PER_INCH = 13  # of a note; rather fewer than there are
_LEGEND_LETTERS_PER_INCH = 12


def panel_grid(
    num_panels: int, *, panel: tuple[float, float] = (2.6, 2.5), max_columns: int = 3
) -> "tuple[Figure, list[Axes]]":
    """A figure with `num_panels` axes in rows of even length.

    Args:
        num_panels: how many.
        panel: width and height of one, in inches.
        max_columns: at most this many in a row; three are still read on a telephone.

    Returns:
        The figure and its axes in reading order.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    rows = math.ceil(num_panels / max_columns)
    columns = math.ceil(num_panels / rows)
    # A lone panel gets room for its labels.
    width, height = (4.2, 3.2) if num_panels == 1 else panel
    figure = Figure(
        figsize=(width * columns + 0.3, height * rows + 0.3),
        layout=ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.05),
    )
    axes = [figure.add_subplot(rows, columns, i + 1) for i in range(num_panels)]
    for ax in axes:
        tidy_ticks(ax)
    return figure, axes


def label_rows(axes: "list[Axes]", text: str) -> None:
    """The same y label at the start of every row, one below the other."""
    first = [
        ax for ax in axes if (place := ax.get_subplotspec()) is not None and place.is_first_col()
    ]
    for ax in first:
        ax.set_ylabel(text)
    figure = first[0].get_figure(root=True)
    if figure is not None:
        figure.align_ylabels(first)


def most_telling(
    names: Sequence[str], importance: ArrayLike, those_left_out: str, limit: int = MAX_PANELS
) -> tuple[list[int], str]:
    """Which columns get a panel: all as they come, or those that matter most, these first.

    Args:
        names: of the columns.
        importance: of each column; what cannot be judged, NaN, comes first.
        those_left_out: what they have in common, such as "of smaller error".
        limit: how many panels there may be.

    Returns:
        The columns' numbers, and a sentence about those left out (empty if there are none).
    """
    if len(names) <= limit:
        return list(range(len(names))), ""
    judged = np.asarray(importance, dtype=float)
    ordered = np.argsort(-np.where(np.isnan(judged), np.inf, judged), kind="stable")
    others = [names[j] for j in sorted(ordered[limit:])]
    return ordered[:limit].tolist(), (
        f"Not shown: {len(others)} of {len(names)}, {those_left_out} ({some_of(others)})."
    )


def add_note(figure: "Figure", text: str) -> None:
    """A quiet line under the picture, or several."""
    if text:
        width = int(_LETTERS_PER_INCH * figure.get_figwidth())
        lines = "\n".join(textwrap.fill(line, width) for line in text.splitlines())
        figure.supxlabel(literal(lines), fontsize=8.5, color=MUTED, x=0.01, ha="left")


def shared_legend(figure: "Figure", ax: "Axes", *, markerscale: float = 1.0) -> None:
    """One legend for all panels above them, with what the first one shows."""
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper right", markerscale=markerscale,
        ncols=legend_columns(labels, figure.get_figwidth()),
    )  # fmt: skip


def legend_columns(labels: Sequence[str], inches: float) -> int:
    """How many entries fit beside one another; each takes five letters for its sign."""
    widest = max(map(len, labels)) + 5
    return int(np.clip(_LEGEND_LETTERS_PER_INCH * inches / widest, 1, len(labels)))
