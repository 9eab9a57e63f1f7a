"""How wrong against how sure: z-score and contraction of every posterior."""

from typing import TYPE_CHECKING

import numpy as np

from retrodict.diagnostics.posterior_z_score import PosteriorZScores
from retrodict.plots.grid import add_note, label_rows, most_telling, panel_grid, shared_legend
from retrodict.plots.labels import wrapped
from retrodict.plots.style import BAND, MODEL, MUTED, in_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MAX_DOTS = 1000
_MIN_EXTENT = 4.0
_MAX_EXTENT = 12.0


@in_style
def z_score_contraction(result: PosteriorZScores) -> "Figure":
    """A dot per observation: posterior z-score against posterior contraction.

    Dots at the right within two standard deviations (the band, 95 % of a normal posterior) are
    what one wants; at the left the observation says nothing of the parameter, and far above or
    below the band the posterior is too sure of the wrong value (Schad et al. 2021,
    arXiv:1904.12765).

    Args:
        result: of `posterior_z_scores`.

    Returns:
        A panel per parameter, with its reading; of more than 24, those farthest from what chance
        makes of an exact posterior, farthest first.
    """
    deviations = np.maximum(np.abs(result.shifts), np.abs(result.spreads))
    columns, note = most_telling(result.names, deviations, "nearer to an exact posterior")
    num = len(result.z_scores)
    kept = np.unique(np.linspace(0, num - 1, min(num, _MAX_DOTS)).astype(int))
    notes = [note]
    if len(kept) < num:
        notes.insert(0, f"{len(kept)} of {num} observations drawn.")
    z = result.z_scores[kept][:, columns]
    extent = float(np.clip(1.1 * np.abs(z).max(), _MIN_EXTENT, _MAX_EXTENT))
    outside = int((np.abs(z) > extent).sum())
    if outside:
        notes.append(f"{outside} z-scores beyond {extent:.0f} drawn at the edge.")
    figure, axes = panel_grid(len(columns))
    for ax, j, scores in zip(axes, columns, z.T, strict=True):
        _draw(ax, result.contractions[kept, j], np.clip(scores, -extent, extent))
        ax.set_ylim(-1.05 * extent, 1.05 * extent)
        ax.set_title(wrapped(result.names[j]))
        ax.text(
            0.03, 0.97, wrapped(result.readings[result.names[j]], 24), transform=ax.transAxes,
            va="top", fontsize=8.5, color=MUTED,
            bbox={"fc": "white", "ec": "none", "pad": 1.5, "alpha": 0.8},
        )  # fmt: skip
        ax.set_xlabel("contraction")
    label_rows(axes, "posterior z-score")
    shared_legend(figure, axes[0])
    add_note(figure, " ".join(filter(None, notes)))
    return figure


def _draw(ax: "Axes", contraction: np.ndarray, z: np.ndarray) -> None:
    ax.axhspan(-2, 2, color=BAND, lw=0, alpha=0.7, label="two posterior sd")
    ax.axhline(0, color=MUTED, lw=1, ls=(0, (4, 2)))
    ax.plot(
        contraction, z, "o", ms=3 if len(z) <= 200 else 2.2, color=MODEL, mew=0,
        alpha=0.6 if len(z) <= 200 else 0.4, rasterized=len(z) > 200,
    )  # fmt: skip
    # A posterior wider than the prior has a negative contraction.
    ax.set_xlim(min(-0.03, 1.1 * float(contraction.min())), 1.03)
