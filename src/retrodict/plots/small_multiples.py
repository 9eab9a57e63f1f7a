"""The same posterior as several methods see it: a small panel for each."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from retrodict.errors import ShapeError
from retrodict.plots.arrays import check_variables, checked
from retrodict.plots.density import axis_limits, histogram, mass_regions
from retrodict.plots.grid import panel_grid
from retrodict.plots.labels import wrapped
from retrodict.plots.style import FAINT, INK, MODEL, MUTED, REFERENCE, in_style
from retrodict.plots.ticks import tidy_ticks
from retrodict.variables import Variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from retrodict.plots.arrays import Numbers

_ARMS = 60


@in_style
def posterior_multiples(
    draws: Mapping[str, ArrayLike],
    variables: Sequence[Variable],
    *,
    reference: ArrayLike | None = None,
    pair: tuple[int, int] = (0, 1),
) -> "Figure":
    """Two parameters of one posterior by each method, over the outlines of the exact one.

    Args:
        draws: `(draws, dim)` for each method, by its name.
        variables: names and units of the columns.
        reference: `(draws, dim)` from the exact posterior, which also sets the axes.
        pair: the two parameters; one parameter alone is shown as histograms.

    Raises:
        ShapeError: shapes that do not agree.
        NonFiniteError: NaN or infinity among the numbers.
    """
    named = check_variables(variables)
    dim = len(named)
    samples = {
        name: checked(name, sample, (None, dim), ("draws", "dim")) for name, sample in draws.items()
    }
    exact = None if reference is None else checked(
        "reference", reference, (None, dim), ("draws", "dim")
    )  # fmt: skip
    columns = (0,) if dim == 1 else pair
    framed = list(samples.values()) if exact is None else [exact]
    limits = [axis_limits([sample[:, j] for sample in framed], named[j]) for j in columns]
    figure, axes = panel_grid(len(samples), panel=(2.3, 2.1))
    for ax, (name, sample) in zip(axes, samples.items(), strict=True):
        tidy_ticks(ax, 3)
        ax.set_title(wrapped(name), fontsize=9)
        if dim == 1:
            _alone(ax, sample[:, 0], exact, limits[0])
        else:
            _together(ax, sample[:, pair], exact, pair, (limits[0], limits[1]))
        labels = [wrapped(named[j].label, 20) for j in columns]
        _outer_labels(ax, labels if dim > 1 else [*labels, "density"])
    return figure


@in_style
def arms(outlines: Mapping[str, ArrayLike], target: ArrayLike) -> "Figure":
    """Arms that reach for a point, one panel for each method.

    Args:
        outlines: `(draws, points, 2)` for each method: base, joints and hand in the plane.
        target: `(2,)`, where the hand was seen.

    Raises:
        ShapeError: shapes that do not agree.
        NonFiniteError: NaN or infinity among the numbers.
    """
    samples = {
        name: checked(name, outline, (None, None, 2), ("draws", "points", "plane"))
        for name, outline in outlines.items()
    }
    if not samples:
        raise ShapeError("There are no arms to draw.", "Bring those of at least one method.")
    point = checked("target", target, (2,), ("plane",))
    ends = np.concatenate([next(iter(samples.values())).reshape(-1, 2), point[None]])
    low, high = np.quantile(ends, 0.002, axis=0), np.quantile(ends, 0.998, axis=0)
    margin = 0.1 * (high - low).max()
    low, high = low - margin, high + margin
    height = 2.3 * float(np.clip((high - low)[1] / (high - low)[0], 0.6, 1.5)) + 0.25
    figure, axes = panel_grid(len(samples), panel=(2.3, height))
    for ax, (name, sample) in zip(axes, samples.items(), strict=True):
        ax.set_title(wrapped(name), fontsize=9)
        ax.axvline(0, color=FAINT, lw=3, zorder=0)
        for arm in sample[:_ARMS]:
            ax.plot(arm[:, 0], arm[:, 1], color=MODEL, lw=0.7, alpha=0.28, solid_joinstyle="round")
        ax.plot(*sample[:_ARMS, 1:-1].reshape(-1, 2).T, "o", ms=1.3, color=INK, alpha=0.35)
        ax.plot(*sample[:_ARMS, -1].T, "o", ms=2.2, color=REFERENCE, alpha=0.6, mew=0)
        ax.plot(*point, "+", ms=11, mew=1.3, color=INK, zorder=5)
        ax.set_xlim(low[0], high[0])
        ax.set_ylim(low[1], high[1])
        ax.set_aspect("equal")
        ax.set_xticks([])
        ax.set_yticks([])
        for spine in ax.spines.values():
            spine.set_visible(True)
            spine.set_color(FAINT)
        _outer_labels(ax, ["distance from the rail", "height"])
    return figure


def _alone(
    ax: "Axes", sample: "Numbers", exact: "Numbers | None", limits: tuple[float, float]
) -> None:
    histogram(ax, sample, limits, MODEL, filled=True)
    if exact is not None:
        histogram(ax, exact[:, 0], limits, REFERENCE, filled=False)
    ax.set_xlim(*limits)
    ax.set_ylim(bottom=0)
    ax.set_yticks([])


def _together(
    ax: "Axes",
    sample: "Numbers",
    exact: "Numbers | None",
    pair: tuple[int, int],
    limits: tuple[tuple[float, float], tuple[float, float]],
) -> None:
    inside = np.all(
        [(low <= sample[:, i]) & (sample[:, i] <= high) for i, (low, high) in enumerate(limits)],
        axis=0,
    )
    if inside.mean() > 0.05:
        mass_regions(ax, sample[:, 0], sample[:, 1], limits, MODEL, filled=True)
    else:
        ax.text(
            0.5, 0.5, "draws lie elsewhere", transform=ax.transAxes, ha="center", va="center",
            fontsize=8.5, color=MUTED,
        )  # fmt: skip
    if exact is not None:
        mass_regions(ax, exact[:, pair[0]], exact[:, pair[1]], limits, REFERENCE, filled=False)
    ax.set_xlim(*limits[0])
    ax.set_ylim(*limits[1])


def _outer_labels(ax: "Axes", labels: list[str]) -> None:
    """Labels and ticks at the edge of the grid only, for all panels share their axes."""
    place = ax.get_subplotspec()
    if place is None:
        return
    num_panels = len(ax.figure.axes)
    rows, columns, first, _ = place.get_geometry()
    del rows
    if first + columns >= num_panels:
        ax.set_xlabel(labels[0])
    else:
        ax.tick_params(labelbottom=False)
    if len(labels) > 1 and place.is_first_col():
        ax.set_ylabel(labels[1])
    else:
        ax.tick_params(labelleft=False)
