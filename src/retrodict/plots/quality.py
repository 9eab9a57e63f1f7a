"""Quality against the number of simulations: one small panel per task, ours and theirs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from retrodict.errors import ShapeError
from retrodict.plots.arrays import checked
from retrodict.plots.labels import wrapped
from retrodict.plots.style import BLUE, FAINT, MUTED, in_style, literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from retrodict.plots.arrays import Numbers

_PANEL = (2.45, 2.0)  # inches
_LEFT, _ABOVE, _BOTTOM = 1.08, 0.62, 0.45  # for numbers, titles and the names of axes
_BESIDE, _INCHES_PER_LETTER = 0.24, 0.072  # for the names of lines
_INCHES_PER_LABEL = 0.16
_DASHES = ("-", (0, (5, 2)), (0, (1, 1.4)), (0, (5, 2, 1, 2)))
_COLUMNS = 3


@in_style
def quality_against_budget(
    panels: Mapping[str, Mapping[str, ArrayLike]],
    *,
    highlighted: str,
    label: str = "C2ST",
    ends: tuple[float, float] = (0.5, 1.0),
    meaning: tuple[str, str] = ("perfect", "worst"),
) -> "Figure":
    """A panel for each task: how good posteriors are after how many simulations.

    Args:
        panels: by the name of the task, by the name of the method: `(points, 2)`, number of
            simulations and quality, the former increasing. A method may be missing in a panel.
        highlighted: the method that is drawn bold and in colour; the others are thin and grey.
        label: of the quality.
        ends: the quality at the bottom and at the top, in this order.
        meaning: of these, in a word each.

    Raises:
        ShapeError: no panel, a panel without a line, or arrays of another shape.
        NonFiniteError: NaN or infinity among the numbers.
    """
    from matplotlib.figure import Figure

    lines = {
        title: {
            name: checked(name, points, (None, 2), ("points", "simulations and quality"))
            for name, points in methods.items()
        }
        for title, methods in panels.items()
    }
    if not lines or not all(lines.values()):
        raise ShapeError("There is nothing to draw.", "Bring at least one line for each panel.")
    others = dict.fromkeys(name for methods in lines.values() for name in methods)
    others.pop(highlighted, None)
    dashes = {name: _DASHES[i % len(_DASHES)] for i, name in enumerate(others)}
    longest = max(len(name) for methods in lines.values() for name in methods)
    beside = _BESIDE + _INCHES_PER_LETTER * longest
    num_columns = min(_COLUMNS, len(lines))
    num_rows = -(-len(lines) // num_columns)
    width = _LEFT + num_columns * (_PANEL[0] + beside)
    height = _BOTTOM + num_rows * (_PANEL[1] + _ABOVE)
    figure = Figure(figsize=(width, height))
    budgets = np.concatenate([points[:, 0] for m in lines.values() for points in m.values()])
    for i, (title, methods) in enumerate(lines.items()):
        row, column = divmod(i, num_columns)
        place = (
            (_LEFT + column * (_PANEL[0] + beside)) / width,
            1 - (_ABOVE * 0.6 + row * (_PANEL[1] + _ABOVE) + _PANEL[1]) / height,
            _PANEL[0] / width,
            _PANEL[1] / height,
        )
        ax = figure.add_axes(place)
        ax.set_title(wrapped(title), fontweight="bold")
        _axes(ax, budgets, ends)
        for name, points in methods.items():
            if name == highlighted:
                ax.plot(*points.T, "o-", color=BLUE, lw=2.6, ms=5, zorder=4)
            else:
                ax.plot(*points.T, ls=dashes[name], color=MUTED, lw=1.1, zorder=3)
                ax.plot(*points.T, "o", color=MUTED, ms=2.4, zorder=3)
        _direct_labels(ax, methods, highlighted)
        _name_axes(
            ax,
            label,
            [f"{end:g}  {word}" for end, word in zip(ends, meaning, strict=True)],
            ends,
            is_left=column == 0,
            is_last=i + num_columns >= len(lines),
        )
    return figure


def _axes(ax: "Axes", budgets: "Numbers", ends: tuple[float, float]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    ax.set_xscale("log")
    low, high = budgets.min(), budgets.max()
    margin = max((high / low) ** 0.06, 1.35)
    ax.set_xlim(low / margin, high * margin)
    few_decades = high < 30 * low
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few_decades else (1.0,)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    bottom, top = ends
    beyond = 0.04 * (top - bottom)
    ax.set_ylim(bottom - beyond, top + beyond)
    ax.set_yticks(np.linspace(bottom, top, 6))
    ax.grid(visible=True, axis="y")
    ax.axhline(bottom, color=FAINT, lw=2.5, zorder=1)


def _name_axes(
    ax: "Axes",
    label: str,
    words: Sequence[str],
    ends: tuple[float, float],
    *,
    is_left: bool,
    is_last: bool,
) -> None:
    """Numbers at the left and below the last panel of each column only, for all share them."""
    bottom, top = ends
    if is_left:
        inner = [f"{tick:g}" for tick in np.round(np.linspace(bottom, top, 6), 12)[1:-1]]
        ax.set_yticks(np.linspace(bottom, top, 6), [words[0], *inner, words[1]])
        ax.set_ylabel(label)
    else:
        ax.tick_params(labelleft=False)
    if is_last:
        ax.set_xlabel("simulations")
    else:
        ax.tick_params(labelbottom=False)


def _direct_labels(ax: "Axes", methods: Mapping[str, "Numbers"], highlighted: str) -> None:
    """Each line's name where it ends; those at the right edge beside it, moved apart."""
    from matplotlib.patches import ConnectionPatch

    last = max(points[-1, 0] for points in methods.values())
    at_edge = [name for name, points in methods.items() if points[-1, 0] == last]
    low, high = ax.get_ylim()
    heights = np.array([(methods[name][-1, 1] - low) / (high - low) for name in at_edge])
    places = _apart(np.clip(heights, 0, 1), _INCHES_PER_LABEL / _PANEL[1])
    for name, place, points in zip(at_edge, places, (methods[n] for n in at_edge), strict=True):
        is_ours = name == highlighted
        color = BLUE if is_ours else MUTED
        line = ConnectionPatch(
            tuple(points[-1]), (1.045, float(place)), "data", "axes fraction", axesA=ax, axesB=ax,
            color=color, lw=0.7, alpha=0.6, shrinkA=3, zorder=2,
        )  # fmt: skip
        ax.figure.add_artist(line)
        ax.text(
            1.06, place, literal(name), transform=ax.transAxes, va="center", ha="left",
            fontsize=8.5, color=color, fontweight="bold" if is_ours else "normal", clip_on=False,
        )  # fmt: skip
    for name, points in methods.items():
        if name not in at_edge:
            is_ours = name == highlighted
            ax.annotate(
                literal(name), tuple(points[-1]), (6, 0), textcoords="offset points", va="center",
                fontsize=8.5, color=BLUE if is_ours else MUTED, zorder=5,
                fontweight="bold" if is_ours else "normal",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85},
            )  # fmt: skip


def _apart(heights: "Numbers", gap: float) -> "Numbers":
    """The heights, moved as little as keeps them `gap` apart and between 0 and 1."""
    from sklearn.isotonic import isotonic_regression

    order = np.argsort(heights, kind="stable")
    steps = gap * np.arange(len(heights))
    # Least squares under the order: neighbours that would overlap move as a block.
    moved = isotonic_regression(heights[order] - steps)
    placed = np.empty_like(heights)
    placed[order] = np.clip(moved, 0, max(0.0, 1 - steps[-1])) + steps
    return placed
