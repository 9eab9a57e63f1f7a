"""A map of rows, each a dot in the colour and shape of its label."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from retrodict.errors import ShapeError
from retrodict.plots.arrays import checked
from retrodict.plots.grid import legend_columns
from retrodict.plots.labels import shortened
from retrodict.plots.style import BLUE, GREEN, INK, MUTED, VERMILION, in_style, literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from retrodict.plots.arrays import Numbers

# Okabe and Ito's, without the yellow that is lost on white; with a second and a third shape.
_COLORS = (BLUE, "#E69F00", GREEN, "#CC79A7", "#56B4E9", VERMILION, INK)
_MARKERS = ("o", "^", "s")
_MOST_LABELS = len(_COLORS) * len(_MARKERS) - 1
_OTHERS = "others"
_LONGEST = 20
_INCHES = 5.3
_STEPS = 200


@in_style
def latent_map(
    positions: ArrayLike,
    labels: Iterable[object],
    *,
    axes: tuple[str, str] = ("latent number 1", "latent number 2"),
    title: str = "",
) -> "Figure":
    """Rows by their place in a plane, told apart by colour and shape, and named on the spot.

    Args:
        positions: `(rows, 2)`.
        labels: of the rows; the 20 most frequent are told apart, all others are grey.
        axes: what the two numbers are.
        title: above the picture.

    Raises:
        ShapeError: not two columns, or not one label per row.
        NonFiniteError: NaN or infinity among the numbers.
    """
    from matplotlib.figure import Figure

    places = checked("positions", positions, (None, 2), ("rows", "plane"))
    names = pd.Series(list(labels), dtype=object)
    if len(names) != len(places):
        raise ShapeError(
            f"There are {len(places)} positions and {len(names)} labels.", "Give one per row."
        )
    names = names.where(names.notna(), "unknown").astype(str)
    frequent = names.value_counts().index.tolist()
    if len(frequent) > _MOST_LABELS:
        frequent = frequent[:_MOST_LABELS]
        names = names.where(names.isin(frequent), _OTHERS)
    told_apart = sorted(frequent)
    looks = {
        name: (_COLORS[i % len(_COLORS)], _MARKERS[i // len(_COLORS)])
        for i, name in enumerate(told_apart)
    }
    if (names == _OTHERS).any():
        looks[_OTHERS] = ("#9aa5b1", "o")
        told_apart.append(_OTHERS)
    legend_lines = -(-len(told_apart) // _legend_columns(told_apart))
    figure = Figure(figsize=(_INCHES, _INCHES + 0.2 * legend_lines), layout="constrained")
    ax = figure.add_subplot()
    # The largest first, so that small groups lie on top.
    for name in [n for n in names.value_counts().index if n in looks]:
        inside = (names == name).to_numpy()
        color, marker = looks[name]
        ax.scatter(
            places[inside, 0], places[inside, 1], s=22 if marker == "o" else 26,
            c=color, marker=marker, alpha=0.85, linewidths=0.4, edgecolors="white",
            label=literal(shortened(name, _LONGEST)),
        )  # fmt: skip
    ax.margins(0.06)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_xlabel(axes[0])
    ax.set_ylabel(axes[1])
    if title:
        ax.set_title(literal(title))
    _name_groups(ax, places, names, [name for name in told_apart if name != _OTHERS])
    handles, texts = ax.get_legend_handles_labels()
    ordered = sorted(range(len(texts)), key=lambda i: told_apart.index(_whole(texts[i], looks)))
    figure.legend(
        [handles[i] for i in ordered], [texts[i] for i in ordered], loc="outside lower left",
        ncols=_legend_columns(told_apart), fontsize=8.5, handletextpad=0.2, columnspacing=1.0,
    )  # fmt: skip
    return figure


def _legend_columns(names: Sequence[str]) -> int:
    return min(4, legend_columns([shortened(name, _LONGEST) for name in names], _INCHES))


def _whole(text: str, looks: dict[str, tuple[str, str]]) -> str:
    return next(name for name in looks if literal(shortened(name, _LONGEST)) == text)


def _name_groups(ax: "Axes", places: "Numbers", names: pd.Series, groups: Sequence[str]) -> None:
    """Each name where its group is densest, moved apart where two would overlap."""
    from matplotlib.patheffects import withStroke

    low, high = places.min(axis=0), places.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    # From here on in units of the picture's width; letters are about so large.
    unit = (places - low) / width
    texts = [shortened(name, _LONGEST) for name in groups]
    sizes = np.array([[0.0165 * len(text) + 0.01, 0.034] for text in texts])
    targets = np.array([_densest(unit[(names == name).to_numpy()]) for name in groups])
    for text, (x, y) in zip(texts, _moved_apart(targets, sizes), strict=True):
        ax.text(
            low[0] + width[0] * x, low[1] + width[1] * y, literal(text),
            ha="center", va="center", fontsize=8.5, color=INK, zorder=6,
            path_effects=[withStroke(linewidth=2.6, foreground="white")],
        )  # fmt: skip
    ax.tick_params(colors=MUTED)


def _densest(points: "Numbers") -> "Numbers":
    """The point nearest to half of its group: in the largest part of one in several parts."""
    from sklearn.neighbors import NearestNeighbors

    num = max(1, len(points) // 2)
    distances = NearestNeighbors(n_neighbors=num).fit(points).kneighbors(points)[0]
    return points[int(distances.mean(axis=1).argmin())]


def _moved_apart(centres: "Numbers", sizes: "Numbers") -> "Numbers":
    """Boxes that overlap push each other up and down until none does, or for so many steps."""
    places = centres.copy()
    for _ in range(_STEPS):
        gap = places[:, None] - places[None]
        reach = (sizes[:, None] + sizes[None]) / 2
        overlap = reach - np.abs(gap)
        is_near = (overlap > 0).all(axis=2)
        np.fill_diagonal(is_near, False)
        if not is_near.any():
            break
        # Equal heights are told apart by their order.
        above = np.sign(gap[..., 1]) + (gap[..., 1] == 0) * np.sign(
            np.subtract.outer(np.arange(len(places)), np.arange(len(places)))
        )
        places[:, 1] += 0.5 * np.where(is_near, above * overlap[..., 1], 0).sum(axis=1)
        places = np.clip(places, sizes / 2 - 0.04, 1.04 - sizes / 2)
    return places
