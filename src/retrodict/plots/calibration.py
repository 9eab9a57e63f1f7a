"""Whether stated probabilities hold: coverage, and ranks of the truth among its draws."""

from typing import TYPE_CHECKING

import numpy as np

from retrodict.diagnostics.calibration_error import CalibrationError
from retrodict.diagnostics.simulation_based_calibration import SimulationBasedCalibration
from retrodict.plots.grid import add_note, label_rows, most_telling, panel_grid, shared_legend
from retrodict.plots.labels import wrapped
from retrodict.plots.style import BAND, MODEL, MUTED, in_style
from retrodict.plots.ticks import short_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LEVEL = 0.01


@in_style
def calibration_curve(result: CalibrationError) -> "Figure":
    """Share of true values inside the central intervals, against their confidence.

    A curve below the diagonal is a posterior too narrow or shifted, one above it too wide.
    The band holds 95 % of exact posteriors at each confidence (binomial, for the number of
    observations tested).

    Args:
        result: of `calibration_error`.

    Returns:
        A panel per parameter; of more than 24, those of the largest errors, worst first.
    """
    from scipy.stats import binom

    confidences, shares = result.curve
    chance = binom(result.num_observations, confidences)
    low, high = (chance.ppf(p) / result.num_observations for p in (0.025, 0.975))
    indices, note = most_telling(result.names, result.errors, "of smaller error")
    figure, axes = panel_grid(len(indices), panel=(2.4, 2.4))
    for ax, j in zip(axes, indices, strict=True):
        ax.fill_between(confidences, low, high, color=BAND, lw=0, label="95 % by chance")
        ax.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=(0, (4, 2)))
        ax.plot(confidences, shares[:, j], color=MODEL, label="this posterior")
        ax.text(
            0.96, 0.05, f"median error {short_number(100 * result.errors[j])} %",
            transform=ax.transAxes, ha="right", fontsize=8.5, color=MUTED,
        )  # fmt: skip
        ax.set(xlim=(0, 1), ylim=(0, 1))
        ax.set_title(wrapped(result.names[j]))
        ax.set_xlabel("confidence")
    label_rows(axes, "share of true values inside")
    shared_legend(figure, axes[0])
    add_note(figure, note)
    return figure


@in_style
def ecdf_difference(result: SimulationBasedCalibration) -> "Figure":
    """Distribution of the ranks minus the uniform one, with its simultaneous band.

    Exact posteriors stay inside the band everywhere and in all panels together with at least
    99 % (Säilynoja et al. 2022, arXiv:2103.10522). A rise then fall (a hump) is a posterior
    too high, its mirror image one too low; a wave that starts upwards is too narrow.

    Args:
        result: of `simulation_based_calibration`.

    Returns:
        A panel per parameter; of more than 24, those of the smallest p-values, worst first.
    """
    indices, note = most_telling(result.names, -result.p_values, "of larger p-value")
    figure, axes = panel_grid(len(indices), panel=(2.5, 2.2))
    extent = max(
        np.abs(result.band_lower).max(),
        np.abs(result.band_upper).max(),
        np.abs(result.ecdf_difference).max(),
    )
    for ax, j in zip(axes, indices, strict=True):
        ax.fill_between(
            result.points, result.band_lower, result.band_upper, color=BAND, lw=0,
            label="99 % by chance, all together",
        )  # fmt: skip
        ax.axhline(0, color=MUTED, lw=1, ls=(0, (4, 2)))
        ax.plot(result.points, result.ecdf_difference[:, j], color=MODEL, label="this posterior")
        ax.set_xlim(0, 1)
        ax.set_ylim(-1.1 * extent, 1.1 * extent)
        ax.set_title(wrapped(result.names[j]))
        ax.set_xlabel("fractional rank of the truth")
    label_rows(axes, "ECDF \N{MINUS SIGN} uniform")
    shared_legend(figure, axes[0])
    add_note(figure, note)
    return figure


@in_style
def rank_histogram(result: SimulationBasedCalibration) -> "Figure":
    """How often the truth takes each rank among its draws, relative to uniform ranks.

    A valley in the middle is a posterior too narrow, a hill one too wide, a slope one shifted.
    Exact posteriors stay inside the band in all bins of all panels with at least 99 %
    (binomial, Bonferroni over bins and parameters).

    Args:
        result: of `simulation_based_calibration`.

    Returns:
        A panel per parameter; of more than 24, those of the smallest p-values, worst first.
    """
    from scipy.stats import binom

    num_observations = len(result.ranks)
    num_bins = int(np.clip(num_observations // 20, 4, min(20, result.num_draws + 1)))
    edges = np.linspace(0, result.num_draws + 1, num_bins + 1).round()
    shares = np.diff(edges) / (result.num_draws + 1)
    tail = _LEVEL / (2 * num_bins * len(result.names))
    expected = num_observations * shares
    low = binom.ppf(tail, num_observations, shares) / expected
    high = binom.isf(tail, num_observations, shares) / expected
    fractions = edges / (result.num_draws + 1)
    indices, note = most_telling(result.names, -result.p_values, "of larger p-value")
    figure, axes = panel_grid(len(indices), panel=(2.5, 2.2))
    heights = [np.histogram(result.ranks[:, j], edges)[0] / expected for j in indices]
    top = 1.1 * max(high.max(), *(height.max() for height in heights))
    for ax, j, height in zip(axes, indices, heights, strict=True):
        ax.stairs(
            high, fractions, baseline=low, fill=True, color=BAND,
            label="99 % by chance, all together",
        )  # fmt: skip
        ax.stairs(height, fractions, color=MODEL, lw=1.4, label="this posterior")
        ax.axhline(1, color=MUTED, lw=1, ls=(0, (4, 2)))
        ax.set_xlim(0, 1)
        ax.set_ylim(0, top)
        ax.set_title(wrapped(result.names[j]))
        ax.set_xlabel("fractional rank of the truth")
    label_rows(axes, "frequency / expected")
    shared_legend(figure, axes[0])
    add_note(figure, note)
    return figure
