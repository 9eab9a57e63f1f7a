"""The corner picture: every parameter alone on the diagonal, every pair below it."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from retrodict.errors import ConfigurationError, ShapeError
from retrodict.plots.arrays import check_variables, checked
from retrodict.plots.density import Limits, axis_limits, histogram, mass_regions
from retrodict.plots.dependence import strongest_dependence
from retrodict.plots.grid import legend_columns, most_telling
from retrodict.plots.labels import wrapped
from retrodict.plots.style import MODEL, MUTED, REFERENCE, TRUTH, in_style, literal
from retrodict.plots.ticks import tidy_ticks
from retrodict.variables import Variable, names_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from retrodict.plots.arrays import Numbers

MAX_PARAMETERS = 8
_PANEL_INCHES = {1: 4.2, 2: 2.5, 3: 2.0, 4: 1.75, 5: 1.5, 6: 1.35, 7: 1.25, 8: 1.2}


@runtime_checkable
class Drawable(Protocol):
    """Anything that knows its parameters and can be sampled, such as a `Posterior`."""

    @property
    def parameters(self) -> tuple[Variable, ...]:
        """The columns of the draws."""

    def sample(self, num_draws: int) -> "Numbers":
        """Draws, the last two axes being (draws, dim)."""


@in_style
def pairs(
    draws: ArrayLike | Drawable,
    variables: Sequence[Variable] | None = None,
    *,
    truth: ArrayLike | None = None,
    reference: ArrayLike | None = None,
    limits: Sequence[Limits] | None = None,
    num_draws: int = 4000,
    draws_label: str = "posterior",
    reference_label: str = "exact posterior",
) -> "Figure":
    """Draws of one posterior: marginals, and regions of 30, 68 and 95 % mass for each pair.

    Args:
        draws: `(draws, dim)`, or a posterior of one observation, which is then sampled.
        variables: names, units and bounds of the columns; a posterior brings its own.
        truth: `(dim,)`, the values that were behind the observation.
        reference: `(draws, dim)` from another posterior to compare with, drawn as outlines.
        limits: lower and upper end of each axis; found from the draws when not given.
        num_draws: how many to take from a posterior.
        draws_label: for the legend.
        reference_label: for the legend.

    Returns:
        A triangle of panels for at most eight parameters: of more, those that depend most on
        one another (`strongest_dependence`), strongest first; a note names those left out.

    Raises:
        ShapeError: shapes that do not agree, or a posterior of several observations.
        NonFiniteError: NaN or infinity among the numbers.
        ConfigurationError: an array without variables.
    """
    sample, all_variables = _resolve(draws, variables, num_draws)
    dim = len(all_variables)
    others = None if reference is None else checked(
        "reference", reference, (None, dim), ("draws", "dim")
    )  # fmt: skip
    point = None if truth is None else checked("truth", truth, (dim,), ("dim",))
    frame = None if limits is None else checked("limits", limits, (dim, 2), ("dim", "ends"))
    importance = strongest_dependence(sample) if dim > MAX_PARAMETERS else np.zeros(dim)
    columns, note = most_telling(
        names_of(all_variables), importance, "which depend less on others", MAX_PARAMETERS
    )
    shown = tuple(all_variables[j] for j in columns)
    sample = sample[:, columns]
    others = None if others is None else others[:, columns]
    point = None if point is None else point[columns]
    frame = None if frame is None else frame[columns]
    ranges = [
        axis_limits(_present(sample, others, point, j), variable)
        if frame is None
        else (frame[j, 0], frame[j, 1])
        for j, variable in enumerate(shown)
    ]

    figure, axes = _corner(shown)
    for row in range(len(shown)):
        diagonal = axes[row][row]
        histogram(diagonal, sample[:, row], ranges[row], MODEL, filled=True)
        if others is not None:
            histogram(diagonal, others[:, row], ranges[row], REFERENCE, filled=False)
        if point is not None:
            diagonal.axvline(point[row], color=TRUTH, lw=1.2, ls=(0, (4, 2)))
        diagonal.set_xlim(*ranges[row])
        diagonal.set_ylim(bottom=0)
        for column in range(row):
            ax, both = axes[row][column], (ranges[column], ranges[row])
            mass_regions(ax, sample[:, column], sample[:, row], both, MODEL, filled=True)
            if others is not None:
                mass_regions(ax, others[:, column], others[:, row], both, REFERENCE, filled=False)
            if point is not None:
                _mark(ax, point[column], point[row])
            ax.set_xlim(*both[0])
            ax.set_ylim(*both[1])
    _legend(figure, axes, draws_label, reference_label, others is not None, point is not None, note)
    return figure


def _resolve(
    draws: ArrayLike | Drawable, variables: Sequence[Variable] | None, num_draws: int
) -> "tuple[Numbers, tuple[Variable, ...]]":
    sample: object = draws
    if isinstance(draws, Drawable):
        variables = draws.parameters if variables is None else variables
        sample = np.asarray(draws.sample(num_draws))
        if sample.ndim == 3:
            if len(sample) != 1:
                raise ShapeError(
                    f"A pair plot shows one posterior; got those of {len(sample)} observations.",
                    "Choose one: `pairs(posterior.sample(4000)[0], posterior.parameters)`.",
                )
            sample = sample[0]
    if variables is None:
        raise ConfigurationError(
            "An array of draws has no names; `variables` is missing.",
            "Pass the problem's parameters, or `default_variables('x', dim)`.",
        )
    named = check_variables(variables)
    return checked("draws", sample, (None, len(named)), ("draws", "dim")), named  # type: ignore[arg-type]


def _present(
    sample: "Numbers", others: "Numbers | None", point: "Numbers | None", j: int
) -> "list[Numbers]":
    columns = [sample[:, j]]
    if others is not None:
        columns.append(others[:, j])
    if point is not None:
        columns.append(point[j : j + 1])
    return columns


def _corner(variables: tuple[Variable, ...]) -> "tuple[Figure, list[list[Axes]]]":
    """Axes of the lower triangle, by row and column, with labels on the outside only."""
    from matplotlib.figure import Figure

    dim = len(variables)
    panel = _PANEL_INCHES[dim]
    height = 3.0 if dim == 1 else panel
    labels = [wrapped(variable.label, max(10, int(panel / 0.085)), 4) for variable in variables]
    lines = max(label.count("\n") + 1 for label in labels)
    # Rotated labels of up to ten digits.
    ticks = 0.38 if dim <= 4 else 0.75
    left, bottom, right, top = 0.9 + 0.16 * lines, ticks + 0.16 * lines, 0.2, 0.45
    size = left + dim * panel + right, bottom + dim * height + top
    figure = Figure(figsize=size)
    grid = figure.add_gridspec(
        dim, dim, left=left / size[0], right=1 - right / size[0], bottom=bottom / size[1],
        top=1 - top / size[1], wspace=0.08, hspace=0.08,
    )  # fmt: skip
    axes: list[list[Axes]] = []
    for row in range(dim):
        axes.append([figure.add_subplot(grid[row, column]) for column in range(row + 1)])
        for column, ax in enumerate(axes[row]):
            # Labels may stand out as far as the middle of the gap to the next panel.
            tidy_ticks(ax, 5 if dim == 1 else 3, overhang=panel * 0.04 if dim > 1 else np.inf)
            ax.tick_params(labelbottom=row == dim - 1, labelleft=column == 0 and row > 0)
            if row == dim - 1:
                ax.set_xlabel(labels[column], fontsize=9.5 if dim <= 4 else 8.5)
                if dim > 4:
                    ax.tick_params(axis="x", labelrotation=45)
            if column == 0 and row > 0:
                ax.set_ylabel(labels[row], fontsize=9.5 if dim <= 4 else 8.5)
            if row == column:
                ax.set_yticks([])
                ax.spines["left"].set_visible(False)
    if dim == 1:
        axes[0][0].set_ylabel("density")
    figure.align_labels()
    return figure, axes


def _mark(ax: "Axes", x: float, y: float) -> None:
    ax.axvline(x, color=TRUTH, lw=0.8, ls=(0, (4, 2)))
    ax.axhline(y, color=TRUTH, lw=0.8, ls=(0, (4, 2)))
    ax.plot(x, y, "s", ms=5, mfc=TRUTH, mec="white", mew=1.0, zorder=5)


def _legend(
    figure: "Figure", axes: "list[list[Axes]]", draws_label: str, reference_label: str,
    with_reference: bool, with_truth: bool, note: str,
) -> None:  # fmt: skip
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Patch | Line2D] = [
        Patch(facecolor=(*_rgb(MODEL), 0.5), edgecolor=MODEL, label=literal(draws_label))
    ]
    if with_reference:
        handles.append(Line2D([], [], color=REFERENCE, label=literal(reference_label)))
    if with_truth:
        handles.append(Line2D([], [], color=TRUTH, ls=(0, (4, 2)), lw=1.2, label="truth"))
    size = figure.get_size_inches()
    edge = axes[0][0].get_position()
    anchor = (1 - 0.1 / size[0], 1 - 0.1 / size[1])
    alone = len(axes) == 1
    columns = legend_columns([str(handle.get_label()) for handle in handles], size[0])
    legend = figure.legend(
        handles=handles, loc="upper right", bbox_to_anchor=anchor, ncols=columns if alone else 1,
        title=None if alone else "regions hold 30, 68 and 95 %", title_fontsize=8.5,
        borderaxespad=0, alignment="left",
    )  # fmt: skip
    legend.get_title().set_color(MUTED)
    if note:
        # Beside the legend, above the first panel.
        lines = "\n".join(textwrap.wrap(note, int(11 * size[0] - 35)))
        figure.text(
            edge.x0, 1 - 0.08 / size[1], literal(lines), va="top", fontsize=8.5, color=MUTED
        )  # fmt: skip


def _rgb(color: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(color)
