"""Each variable on its own: the spread of its draws, its median and its intervals."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from retrodict.plots.arrays import check_variables, checked
from retrodict.plots.density import Limits, axis_limits, histogram
from retrodict.plots.grid import add_note, label_rows, most_telling, panel_grid, shared_legend
from retrodict.plots.labels import wrapped
from retrodict.plots.style import MODEL, REFERENCE, TRUTH, in_style, literal
from retrodict.variables import Variable, names_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from retrodict.plots.arrays import Numbers


@in_style
def marginals(
    draws: ArrayLike,
    variables: Sequence[Variable],
    *,
    truth: ArrayLike | None = None,
    reference: ArrayLike | None = None,
    limits: Sequence[Limits] | None = None,
    draws_label: str = "draws",
    reference_label: str = "reference",
    truth_label: str = "truth",
) -> "Figure":
    """One histogram per variable, over a bar with its median and its 68 and 95 % intervals.

    Args:
        draws: `(draws, dim)`.
        variables: names, units and bounds of the columns.
        truth: `(dim,)`, a value to mark in each panel.
        reference: `(draws, dim)` to compare with, e.g. the training table; drawn as outlines.
        limits: lower and upper end of each axis; found from the draws when not given.
        draws_label: for the legend.
        reference_label: for the legend.
        truth_label: for the legend.

    Returns:
        A grid of panels. Of more than 24 variables it shows those whose median is farthest from
        the truth, in widths of the 68 % interval; without truth those that differ most from
        the reference (Kolmogorov and Smirnov's distance); else the first.

    Raises:
        ShapeError: shapes that do not agree.
        NonFiniteError: NaN or infinity among the numbers.
    """
    named = check_variables(variables)
    dim = len(named)
    sample = checked("draws", draws, (None, dim), ("draws", "dim"))
    others = None if reference is None else checked(
        "reference", reference, (None, dim), ("draws", "dim")
    )  # fmt: skip
    point = None if truth is None else checked("truth", truth, (dim,), ("dim",))
    frame = None if limits is None else checked("limits", limits, (dim, 2), ("dim", "ends"))
    columns, note = _most_telling(names_of(named), sample, others, point)
    figure, axes = panel_grid(len(columns), panel=(2.5, 2.2))
    for ax, j in zip(axes, columns, strict=True):
        values = [sample[:, j]]
        if others is not None:
            values.append(others[:, j])
        if point is not None:
            values.append(point[j : j + 1])
        span = axis_limits(values, named[j]) if frame is None else (frame[j, 0], frame[j, 1])
        histogram(ax, sample[:, j], span, MODEL, filled=True, label=literal(draws_label))
        if others is not None:
            label = literal(reference_label)
            histogram(ax, others[:, j], span, REFERENCE, filled=False, label=label)
        if point is not None:
            ax.axvline(point[j], color=TRUTH, lw=1.2, ls=(0, (4, 2)), label=literal(truth_label))
        _interval_bar(ax, sample[:, j])
        ax.set_xlim(*span)
        ax.set_xlabel(wrapped(named[j].label))
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
    label_rows(axes, "density")
    if others is not None or point is not None:
        shared_legend(figure, axes[0])
    add_note(figure, note)
    return figure


def _most_telling(
    names: list[str], sample: "Numbers", others: "Numbers | None", point: "Numbers | None"
) -> tuple[list[int], str]:
    from scipy.stats import ks_2samp

    if point is not None:
        left, median, right = np.quantile(sample, [0.16, 0.5, 0.84], axis=0)
        distance, width = np.abs(point - median), right - left
        # Draws without spread are as far as can be from any other value.
        without_spread = np.where(distance > 0, np.inf, 0)
        ratio = np.divide(distance, width, out=without_spread, where=width > 0)
        return most_telling(names, ratio, "whose median is nearer")
    if others is not None:
        distances = ks_2samp(sample, others, method="asymp").statistic
        return most_telling(names, distances, "that differ less")
    return most_telling(names, np.zeros(len(names)), "the last ones")


def _interval_bar(ax: "Axes", values: "Numbers") -> None:
    low, left, median, right, high = np.quantile(values, [0.025, 0.16, 0.5, 0.84, 0.975])
    top = ax.get_ylim()[1]
    height = -0.09 * top
    ax.plot([low, high], [height, height], color=MODEL, lw=1.2, solid_capstyle="butt")
    ax.plot([left, right], [height, height], color=MODEL, lw=3.6, solid_capstyle="butt")
    ax.plot(median, height, "o", ms=5, mfc="white", mec=MODEL, mew=1.4)
    ax.set_ylim(-0.18 * top, top)
