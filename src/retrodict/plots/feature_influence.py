"""The columns that each latent number moves most, and which way."""

from typing import TYPE_CHECKING

import numpy as np

from retrodict.plots.grid import add_note, label_rows, panel_grid
from retrodict.plots.labels import shortened
from retrodict.plots.style import BLUE, MUTED, VERMILION, in_style, literal
from retrodict.plots.ticks import tidy_ticks
from retrodict.variables import Variable
from retrodict.variational.feature_influence import FeatureInfluence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_PANELS = 12


@in_style
def feature_influence(
    result: FeatureInfluence, *, num_features: int = 8, unit: str = "", feature: str = "column"
) -> "Figure":
    """A panel per latent number: its strongest influences, upwards blue, downwards vermilion.

    Args:
        result: of `variational.feature_influence`.
        num_features: bars in a panel.
        unit: of the columns.
        feature: what a column is called, e.g. "gene".

    Returns:
        At most 12 panels: of more latent numbers those of the strongest influence.
    """
    strength = np.abs(result.influence).max(axis=1)
    shown = np.sort(np.argsort(-strength, kind="stable")[:_MOST_PANELS])
    figure, axes = panel_grid(
        len(shown), panel=(2.35, 0.62 + 0.18 * max(3, min(num_features, result.influence.shape[1])))
    )
    for ax, latent in zip(axes, shown.tolist(), strict=True):
        columns = result.strongest(latent, num_features)
        values = result.influence[latent, columns]
        order = np.argsort(values, kind="stable")
        places = np.arange(len(columns))
        colors = [BLUE if value > 0 else VERMILION for value in values[order]]
        ax.barh(places, values[order], color=colors, height=0.72)
        ax.axvline(0, color=MUTED, lw=0.8)
        tidy_ticks(ax, 3)
        ax.set_yticks(
            places,
            [literal(shortened(result.feature_names[column], 12)) for column in columns[order]],
            fontsize=7.5,
        )
        ax.tick_params(axis="y", length=0)
        ax.set_title(f"latent number {latent + 1}", fontsize=9)
    label_rows(axes, feature)
    for ax in axes[-3:]:
        ax.set_xlabel(Variable("change per sd", unit).label, fontsize=8.5)
    left_out = len(strength) - len(shown)
    add_note(
        figure,
        "Change when a latent number rises by one standard deviation."
        + (f" Not shown: {left_out} of weaker influence." if left_out else ""),
    )
    return figure
