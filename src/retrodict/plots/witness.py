"""Where two samples differ: the witness function of the maximum mean discrepancy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from retrodict.diagnostics import Witness
from retrodict.errors import ShapeError
from retrodict.plots.density import Limits, axis_limits, histogram
from retrodict.plots.grid import add_note, label_rows, most_telling, panel_grid, shared_legend
from retrodict.plots.labels import wrapped
from retrodict.plots.style import INK, MODEL, MUTED, REFERENCE, in_style, literal
from retrodict.plots.ticks import tick_formatter, tidy_ticks
from retrodict.variables import Variable, names_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from retrodict.plots.arrays import Numbers

_NUM_POINTS = 401
_CELLS = 81
_MAX_DOTS = 1000
_NUM_BINS = 12
_VALUE = "witness"
_SHADES = ("#5fa6d0", "#e59260")  # of MODEL and REFERENCE, on which dots in these stand out


@in_style
def witness(
    result: Witness,
    variables: Sequence[Variable],
    *,
    first_label: str = "first",
    second_label: str = "second",
) -> "Figure":
    """The witness function beside the samples: positive where the first has more mass.

    One variable: its graph under the histograms. Two: its contours under the draws. More: its
    value at the draws themselves, against each variable in turn, with the mean of neighbours;
    a slice or a projection would be the witness of something else. Of more than 24 variables
    it shows those along which that mean varies most.

    Args:
        result: of `diagnostics.witness`.
        variables: of the samples' columns.
        first_label: for the legend.
        second_label: for the legend.

    Raises:
        ShapeError: not one variable per column.
    """
    named = tuple(variables)
    if len(named) != result.first.shape[1]:
        raise ShapeError(
            f"The samples have {result.first.shape[1]} columns; got {len(named)} variables.",
            "Name each column once.",
        )
    labels = literal(first_label), literal(second_label)
    if len(named) == 1:
        return _graph(result, named[0], labels)
    return _contours(result, named, labels) if len(named) == 2 else _at_draws(result, named, labels)


def _graph(result: Witness, variable: Variable, labels: tuple[str, str]) -> "Figure":
    from matplotlib.figure import Figure

    x, y = result.first[:, 0], result.second[:, 0]
    limits = axis_limits([x, y], variable)
    figure = Figure(figsize=(4.8, 4.0), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1.2, 1))
    histogram(upper, x, limits, MODEL, filled=True, label=labels[0])
    histogram(upper, y, limits, REFERENCE, filled=False, label=labels[1])
    upper.set_ylabel("density")
    upper.set_yticks([])
    upper.spines["left"].set_visible(False)
    upper.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.2)
    at = np.linspace(*limits, _NUM_POINTS)
    values = result(at[:, None])
    lower.axhline(0, color=MUTED, lw=0.8)
    lower.fill_between(at, values, where=values > 0, color=MODEL, alpha=0.35, lw=0)
    lower.fill_between(at, values, where=values < 0, color=REFERENCE, alpha=0.35, lw=0)
    lower.plot(at, values, color=INK, lw=1.4)
    tidy_ticks(lower)
    lower.set_xlim(*limits)
    lower.set_xlabel(wrapped(variable.label))
    lower.set_ylabel(_VALUE)
    return figure


def _contours(
    result: Witness, variables: tuple[Variable, ...], labels: tuple[str, str]
) -> "Figure":
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    across, up = (_limits(result, j, variable) for j, variable in enumerate(variables))
    x, y = np.linspace(*across, _CELLS), np.linspace(*up, _CELLS)
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    values = result(grid.reshape(-1, 2)).reshape(_CELLS, _CELLS)
    # Symmetric about zero, which stays white.
    largest = float(np.abs(values).max()) or 1.0
    colours = LinearSegmentedColormap.from_list("witness", [_SHADES[1], "white", _SHADES[0]])
    norm = Normalize(-largest, largest)
    figure = Figure(figsize=(5.0, 4.0), layout="constrained")
    ax = figure.add_subplot()
    levels = np.linspace(-largest, largest, 14)
    ax.contourf(x, y, values, levels=levels, cmap=colours, norm=norm)
    if values.min() < 0 < values.max():
        ax.contour(x, y, values, levels=[0], colors=MUTED, linewidths=0.8)
    for sample, color, label in zip(
        (result.first, result.second), (MODEL, REFERENCE), labels, strict=True
    ):
        few = _some(sample)
        ax.plot(
            few[:, 0], few[:, 1], "o", ms=3, mfc=color, mec="white", mew=0.3, ls="",
            label=label, rasterized=len(few) > 200,
        )  # fmt: skip
    tidy_ticks(ax)
    ax.set_xlim(*across)
    ax.set_ylim(*up)
    ax.set_xlabel(wrapped(variables[0].label))
    ax.set_ylabel(wrapped(variables[1].label))
    ax.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.2, handletextpad=0.1
    )
    bar = figure.colorbar(ScalarMappable(norm, colours), ax=ax, pad=0.02, aspect=30)
    bar.outline.set_visible(False)
    bar.set_label(_VALUE)
    bar.locator = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10])
    bar.formatter = tick_formatter()
    bar.update_ticks()
    return figure


def _at_draws(
    result: Witness, variables: tuple[Variable, ...], labels: tuple[str, str]
) -> "Figure":
    samples = _some(result.first), _some(result.second)
    values = tuple(result(sample) for sample in samples)
    ends = min(v.min() for v in values), max(v.max() for v in values)
    pad = 0.06 * (ends[1] - ends[0]) or 0.5
    means = [
        _mean_of_neighbours(
            np.concatenate([sample[:, j] for sample in samples]), np.concatenate(values)
        )
        for j in range(len(variables))
    ]
    columns, note = most_telling(
        names_of(variables), [np.ptp(mean) for _, mean in means], "along which it varies less"
    )
    figure, axes = panel_grid(len(columns))
    for ax, j in zip(axes, columns, strict=True):
        ax.axhline(0, color=MUTED, lw=0.8)
        for sample, value, color, label in zip(
            samples, values, (MODEL, REFERENCE), labels, strict=True
        ):
            ax.plot(
                sample[:, j], value, "o", ms=2.4, color=color, mew=0, alpha=0.35, label=label,
                rasterized=len(sample) > 200,
            )  # fmt: skip
        ax.plot(*means[j], color=INK, lw=1.6, label="mean")
        ax.set_xlim(*_limits(result, j, variables[j]))
        ax.set_ylim(ends[0] - pad, ends[1] + pad)
        ax.set_xlabel(wrapped(variables[j].label))
    label_rows(axes, f"{_VALUE} at draws")
    shared_legend(figure, axes[0], markerscale=2)
    add_note(figure, note)
    return figure


def _mean_of_neighbours(at: "Numbers", values: "Numbers") -> "tuple[Numbers, Numbers]":
    """Means over groups of equally many draws, in the order of one variable."""
    order = np.argsort(at, kind="stable")
    groups = [g for g in np.array_split(order, _NUM_BINS) if g.size]
    return np.array([at[g].mean() for g in groups]), np.array([values[g].mean() for g in groups])


def _limits(result: Witness, column: int, variable: Variable) -> Limits:
    return axis_limits([result.first[:, column], result.second[:, column]], variable)


def _some(sample: "Numbers") -> "Numbers":
    """At most 1,000 rows, evenly spaced."""
    kept = np.linspace(0, len(sample) - 1, min(len(sample), _MAX_DOTS)).astype(int)
    return sample[kept]
