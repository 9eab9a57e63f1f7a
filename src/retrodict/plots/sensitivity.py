"""Which observables move which posteriors, as a heat map."""

from typing import TYPE_CHECKING

import numpy as np

from retrodict.diagnostics.sensitivity import Sensitivity
from retrodict.plots.grid import add_note
from retrodict.plots.labels import shortened, some_of
from retrodict.plots.style import FAINT, INK, MODEL, PAPER, in_style, literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from retrodict.plots.arrays import Numbers

_MAX_ROWS, _MAX_COLUMNS = 40, 60
_MOST_NUMBERED = 14
_SIDE_BY_SIDE = 6
_LONGEST = 18
_DARK = 0.25


@in_style
def sensitivity(result: Sensitivity) -> "Figure":
    """Share of the variance of posterior mean and width due to each observable.

    A number stands where the share is beyond 1 % and three standard errors, and a point, in a
    large table, in its place. The scale is that of the square root, so that small shares show.

    Args:
        result: of `sensitivity`.

    Returns:
        Two tables, parameters by observables; a note names those left out beyond 40 by 60.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    num_rows = min(len(result.names), _MAX_ROWS)
    num_columns = min(len(result.observable_names), _MAX_COLUMNS)
    numbered = num_columns <= _MOST_NUMBERED
    cell = 0.46 if numbered else 0.24
    beside = num_columns <= _SIDE_BY_SIDE
    labels = 0.085 * min(max(map(len, result.names[:num_rows])), _LONGEST) + 0.9
    table = max(cell * num_columns, 1.6) + labels
    height = max(0.3 * num_rows if numbered else 0.24 * num_rows, 0.5) + _room_below(result)
    figure = Figure(
        figsize=(table * (1 + beside) + 1.1, height * (2 - beside) + 0.5),
        layout=ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.05),
    )
    rows, columns = (1, 2) if beside else (2, 1)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    tables = (
        ("posterior mean", result.mean_shares, result.mean_matters, result.mean_explained),
        ("log of posterior sd", result.width_shares, result.width_matters, result.width_explained),
    )
    for ax, (title, shares, matters, explained) in zip(axes, tables, strict=True):
        window = (slice(num_rows), slice(num_columns))
        image = _heat_map(ax, shares[window], matters[window], numbered)
        ax.set_title(f"{title}: share of variance")
        _name_axes(ax, result, explained[:num_rows], num_columns)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=16, pad=0.02)
    bar.set_ticks([0, 0.05, 0.2, 0.5, 1], labels=["0", "5 %", "20 %", "50 %", "100 %"])
    bar.outline.set_visible(False)
    add_note(figure, _note(result, num_rows, num_columns))
    return figure


def _heat_map(ax: "Axes", shares: "Numbers", matters: "Numbers", numbered: bool) -> "AxesImage":
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm

    colors = LinearSegmentedColormap.from_list("shares", [PAPER, MODEL])
    image = ax.imshow(
        np.clip(shares, 0, 1), cmap=colors, norm=PowerNorm(0.5, 0, 1), aspect="auto",
        interpolation="nearest",
    )  # fmt: skip
    for dark, color in ((shares > _DARK, PAPER), (shares <= _DARK, INK)):
        cells = np.argwhere(matters & dark)
        if not numbered:
            ax.plot(cells[:, 1], cells[:, 0], "o", ms=2.2, color=color)
            continue
        for i, j in cells.tolist():
            text = f"{100 * shares[i, j]:.0f}"
            ax.text(j, i, text, ha="center", va="center", fontsize=8.5, color=color)
    ax.set_xticks(np.arange(shares.shape[1] + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(shares.shape[0] + 1) - 0.5, minor=True)
    ax.grid(visible=True, which="minor", color=FAINT, lw=0.8)
    ax.set_axisbelow(False)
    ax.tick_params(which="both", length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return image


def _name_axes(ax: "Axes", result: Sensitivity, explained: "Numbers", num_columns: int) -> None:
    names = [literal(shortened(name)) for name in result.observable_names[:num_columns]]
    upright = _upright(result)
    ax.set_xticks(range(len(names)), names, rotation=90 if upright else 0)
    rows = [
        f"{literal(shortened(name))}  R\N{SUPERSCRIPT TWO} {max(share, 0):.2f}"
        for name, share in zip(result.names, explained, strict=False)
    ]
    ax.set_yticks(range(len(rows)), rows)
    ax.set_xlabel("observable")
    ax.set_ylabel("parameter")


def _upright(result: Sensitivity) -> bool:
    """Whether the observables' names are too long to stand side by side."""
    longest = max(map(len, result.observable_names))
    return longest > 5 or len(result.observable_names) > _MOST_NUMBERED


def _room_below(result: Sensitivity) -> float:
    longest = min(max(map(len, result.observable_names)), _LONGEST)
    return 0.75 + (0.08 * longest if _upright(result) else 0.1)


def _note(result: Sensitivity, num_rows: int, num_columns: int) -> str:
    left_out = [*result.names[num_rows:], *result.observable_names[num_columns:]]
    return f"Not shown: {some_of(left_out)}" if left_out else ""
