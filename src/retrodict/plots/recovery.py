"""Whether the true values come back: posterior median and intervals against truth."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from retrodict.plots.arrays import check_variables, checked
from retrodict.plots.grid import add_note, label_rows, most_telling, panel_grid
from retrodict.plots.labels import wrapped
from retrodict.plots.style import INK, MODEL, MUTED, in_style
from retrodict.variables import Variable, names_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from retrodict.plots.arrays import Numbers

_MAX_BARS = 200


@in_style
def recovery(draws: ArrayLike, truth: ArrayLike, variables: Sequence[Variable]) -> "Figure":
    """Posterior median with 68 and 95 % intervals against the true value, per parameter.

    R^2 = 1 - sum (truth - median)^2 / sum (truth - mean truth)^2, over all observations: 1 is
    perfect, 0 says no more than the mean of the prior. It is low, rightly, where the
    observation does not determine the parameter.

    Args:
        draws: `(observations, draws, dim)`.
        truth: `(observations, dim)`.
        variables: names, units and bounds of the columns.

    Returns:
        A panel per parameter; of more than 24, those of the lowest R^2, lowest first. At most
        200 observations are drawn, evenly spaced.

    Raises:
        ShapeError: shapes that do not agree.
        NonFiniteError: NaN or infinity among the numbers.
    """
    named = check_variables(variables)
    sample = checked(
        "draws", draws, (None, None, len(named)), ("observations", "draws", "dim")
    )  # fmt: skip
    true = checked("truth", truth, (len(sample), len(named)), ("observations", "dim"))
    quantiles = np.quantile(sample, [0.025, 0.16, 0.5, 0.84, 0.975], axis=1)
    kept = np.unique(np.linspace(0, len(true) - 1, min(len(true), _MAX_BARS)).astype(int))
    scores = [r_squared(true[:, j], quantiles[2, :, j]) for j in range(len(named))]
    columns, note = most_telling(
        names_of(named), np.negative(scores), "of higher R\N{SUPERSCRIPT TWO}"
    )
    if len(kept) < len(true):
        note = f"{len(kept)} of {len(true)} observations drawn. {note}".strip()
    figure, axes = panel_grid(len(columns))
    for ax, j in zip(axes, columns, strict=True):
        _draw(ax, true[kept, j], quantiles[:, kept, j])
        ax.text(
            0.04, 0.96, _r_squared_text(scores[j]), transform=ax.transAxes,
            va="top", fontsize=9, color=INK, bbox={"fc": "white", "ec": "none", "pad": 1.5},
            zorder=6,
        )  # fmt: skip
        ax.set_xlabel(wrapped(f"true {named[j].label}"))
    label_rows(axes, "posterior median")
    add_note(figure, note)
    return figure


def r_squared(truth: "Numbers", median: "Numbers") -> float:
    """1 - residual over total sum of squares; NaN where all true values are equal."""
    total = np.sum((truth - truth.mean()) ** 2)
    return float(1 - np.sum((truth - median) ** 2) / total) if total > 0 else float("nan")


def _r_squared_text(value: float) -> str:
    if np.isnan(value):
        return "R\N{SUPERSCRIPT TWO} undefined"
    # Four digits where they matter, close to one.
    text = f"{value:.4f}" if 0.99 < value < 0.99995 else f"{value:.2f}"
    return "R\N{SUPERSCRIPT TWO} = " + text.replace("-", "\N{MINUS SIGN}")


def _draw(ax: "Axes", truth: "Numbers", quantiles: "Numbers") -> None:
    low, left, median, right, high = quantiles
    many = len(truth) > 60
    ax.vlines(truth, low, high, color=MODEL, lw=0.7, alpha=0.3 if many else 0.6)
    ax.vlines(truth, left, right, color=MODEL, lw=1.4, alpha=0.35 if many else 0.8)
    ax.plot(truth, median, "o", ms=2.8 if many else 4, color=MODEL, mec="white", mew=0.4)
    ends = min(low.min(), truth.min()), max(high.max(), truth.max())
    ax.axline((ends[0], ends[0]), slope=1, color=MUTED, lw=1, ls=(0, (4, 2)), zorder=0.5)
    pad = 0.05 * (ends[1] - ends[0]) or 0.5
    ax.set_xlim(truth.min() - pad, truth.max() + pad)
    ax.set_ylim(ends[0] - pad, ends[1] + 2.5 * pad)
