"""Whether replications look like the observation: one statistic of both."""

from typing import TYPE_CHECKING

import numpy as np

from retrodict.diagnostics.predictive_check import PosteriorPredictiveCheck
from retrodict.errors import ConfigurationError
from retrodict.plots.density import axis_limits, histogram
from retrodict.plots.grid import add_note, label_rows, panel_grid, shared_legend
from retrodict.plots.labels import wrapped
from retrodict.plots.style import MODEL, TRUTH, in_style
from retrodict.plots.ticks import short_number
from retrodict.variables import Variable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAX_PANELS = 12


@in_style
def predictive_check(result: PosteriorPredictiveCheck, statistic: str) -> "Figure":
    """Histogram of a statistic of the replications, and its observed value as a line.

    Args:
        result: of `posterior_predictive_check`.
        statistic: one of `result.names`.

    Returns:
        A panel per observation; of more than 12, those of the smallest p-values, worst first.

    Raises:
        ConfigurationError: no such statistic.
    """
    if statistic not in result.names:
        raise ConfigurationError(
            f"There is no statistic {statistic!r} in this check.",
            f"Choose one of {', '.join(result.names)}.",
        )
    k = result.names.index(statistic)
    p_values = result.two_sided[:, k]
    num = len(p_values)
    chosen, note = np.arange(num), ""
    if num > _MAX_PANELS:
        chosen = np.argsort(p_values, kind="stable")[:_MAX_PANELS]
        note = f"The {_MAX_PANELS} most extreme of {num} observations."
    figure, axes = panel_grid(len(chosen), panel=(2.5, 2.2))
    label = wrapped(statistic)
    for ax, i in zip(axes, chosen, strict=True):
        again, once = result.replicated[i, :, k], result.observed[i, k]
        limits = axis_limits([again, once[None]], Variable(statistic))
        histogram(ax, again, limits, MODEL, filled=True, label="replicated")
        ax.axvline(once, color=TRUTH, lw=1.2, ls=(0, (4, 2)), label="observed")
        ax.set_xlim(*limits)
        ax.set_ylim(bottom=0)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        whose = f"observation {i}, " if num > 1 else ""
        ax.set_title(f"{whose}p = {short_number(p_values[i])}", fontsize=9)
        ax.set_xlabel(label)
    label_rows(axes, "density")
    shared_legend(figure, axes[0])
    add_note(figure, note)
    return figure
