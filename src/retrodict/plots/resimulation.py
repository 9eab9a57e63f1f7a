"""Whether draws explain the observation: what the forward process makes of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from retrodict.plots.arrays import check_variables, checked
from retrodict.plots.density import axis_limits, mass_regions
from retrodict.plots.grid import add_note, label_rows, most_telling, panel_grid, shared_legend
from retrodict.plots.labels import wrapped
from retrodict.plots.marginals import marginals
from retrodict.plots.style import MODEL, MUTED, TRUTH, in_style
from retrodict.plots.ticks import short_number, tidy_ticks
from retrodict.variables import Variable, names_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from retrodict.plots.arrays import Numbers

_MAX_BARS = 200


@in_style
def resimulation(
    simulated: ArrayLike, observed: ArrayLike, variables: Sequence[Variable]
) -> "Figure":
    """Observations re-simulated from posterior draws, against the observations themselves.

    Args:
        simulated: `(observations, draws, cond)`, the forward process run on posterior draws.
        observed: `(observations, cond)`.
        variables: the observables.

    Returns:
        Several observations: a panel per observable with the median and the 68 and 95 %
        intervals on the 1:1 line, and, for two observables, one of all deviations together.
        One observation: the cloud around it (two observables), else a histogram each. Of more
        than 24 observables, those that are missed the most.

    Raises:
        ShapeError: shapes that do not agree.
        NonFiniteError: NaN or infinity among the numbers.
    """
    named = check_variables(variables)
    seen = checked("observed", observed, (None, len(named)), ("observations", "cond"))
    again = checked(
        "simulated", simulated, (len(seen), None, len(named)), ("observations", "draws", "cond")
    )
    if len(seen) == 1 and len(named) != 2:
        return marginals(
            again[0], named, truth=seen[0], draws_label="re-simulated", truth_label="observed"
        )
    if len(seen) == 1:
        figure, (ax,) = panel_grid(1)
        _cloud(ax, again[0], seen[0], named, "")
        shared_legend(figure, ax)
        return figure
    typical = np.median(np.abs(again - seen[:, None]), axis=(0, 1))
    spread = seen.std(axis=0)
    missed = np.divide(typical, spread, out=np.full_like(spread, np.inf), where=spread > 0)
    columns, note = most_telling(names_of(named), missed, "of smaller deviations")
    kept = np.unique(np.linspace(0, len(seen) - 1, min(len(seen), _MAX_BARS)).astype(int))
    if len(kept) < len(seen):
        note = f"{len(kept)} of {len(seen)} observations drawn. {note}".strip()
    figure, axes = panel_grid(len(columns) + (len(named) == 2))
    for ax, j in zip(axes, columns, strict=False):
        _one_to_one(ax, again[kept, :, j], seen[kept, j])
        ax.set_xlabel(wrapped(f"observed {named[j].label}"))
        ax.set_title(f"median |deviation| {short_number(typical[j])}", fontsize=8.5, color=MUTED)
    label_rows(axes[: len(columns)], "re-simulated")
    if len(named) == 2:
        deviations = (again - seen[:, None]).reshape(-1, 2)
        free = tuple(Variable(v.name, v.unit) for v in named)
        _cloud(axes[-1], deviations, np.zeros(2), free, "deviation of ")
    add_note(figure, note)
    return figure


def _one_to_one(ax: "Axes", simulated: "Numbers", observed: "Numbers") -> None:
    low, left, median, right, high = np.quantile(simulated, [0.025, 0.16, 0.5, 0.84, 0.975], axis=1)
    ends = min(low.min(), observed.min()), max(high.max(), observed.max())
    ax.axline((ends[0], ends[0]), slope=1, color=MUTED, lw=1, ls=(0, (4, 2)), zorder=0.5)
    ax.vlines(observed, low, high, color=MODEL, lw=0.7, alpha=0.5)
    ax.vlines(observed, left, right, color=MODEL, lw=1.6, alpha=0.7)
    ax.plot(observed, median, "o", ms=3, color=MODEL, mec="white", mew=0.4)
    pad = 0.05 * (ends[1] - ends[0]) or 0.5
    ax.set_xlim(observed.min() - pad, observed.max() + pad)
    ax.set_ylim(ends[0] - pad, ends[1] + pad)


def _cloud(
    ax: "Axes", points: "Numbers", centre: "Numbers", variables: tuple[Variable, ...],
    prefix: str,
) -> None:  # fmt: skip
    limits = tuple(
        axis_limits([points[:, j], centre[j : j + 1]], variable)
        for j, variable in enumerate(variables)
    )
    mass_regions(ax, points[:, 0], points[:, 1], (limits[0], limits[1]), MODEL, filled=True)
    ax.plot(*centre, "+", ms=11, color=TRUTH, mew=1.6, label="observed")
    ax.set_xlim(*limits[0])
    ax.set_ylim(*limits[1])
    tidy_ticks(ax, 3)
    ax.set_xlabel(wrapped(prefix + variables[0].label))
    ax.set_ylabel(wrapped(prefix + variables[1].label))
