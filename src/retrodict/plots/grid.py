"""A grid of small panels, one per variable, and a plain word on those left out."""

import math
import textwrap
from typing import TYPE_CHECKING

from retrodict.plots.style import MUTED, literal, tick_formatter
from retrodict.variables import Variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_PANELS = 24


def wrapped(text: str, width: int = 28) -> str:
    """A label broken over lines, so that long names do not run into their neighbours."""
    longest = max((len(word) for word in text.split()), default=0)
    lines = textwrap.wrap(
        # A word a little too long is better whole than cut.
        text, width, break_on_hyphens=False, break_long_words=longest > 1.4 * width
    )  # fmt: skip
    return literal("\n".join(lines) or text)


def panel_grid(
    num_panels: int, *, panel: tuple[float, float] = (2.6, 2.5), max_columns: int = 4
) -> "tuple[Figure, list[Axes]]":
    """A figure with `num_panels` axes in rows of even length.

    Args:
        num_panels: how many.
        panel: width and height of one, in inches.
        max_columns: at most this many in a row.

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
    """The same y label at the start of every row."""
    for ax in axes:
        place = ax.get_subplotspec()
        if place is not None and place.is_first_col():
            ax.set_ylabel(text)


def tidy_ticks(ax: "Axes", num: int = 4) -> None:
    """Few ticks, with labels that carry only the digits they need."""
    from matplotlib.ticker import MaxNLocator

    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(num, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(tick_formatter())


def shown_and_left_out(
    variables: tuple[Variable, ...], limit: int = MAX_PANELS
) -> tuple[tuple[Variable, ...], str]:
    """The first `limit` variables, and a sentence about the rest (empty if there is none)."""
    left_out = [variable.name for variable in variables[limit:]]
    if not left_out:
        return variables, ""
    names = ", ".join(left_out[:4]) + (", ..." if len(left_out) > 4 else "")
    return variables[:limit], f"Not shown: {len(left_out)} of {len(variables)} ({names})"


def add_note(figure: "Figure", text: str) -> None:
    """A quiet line under the picture."""
    if text:
        figure.supxlabel(literal(text), fontsize=8.5, color=MUTED, x=0.01, ha="left")
