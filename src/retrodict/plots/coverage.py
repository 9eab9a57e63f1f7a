"""How often regions hold the truth, against how often they claim to."""

from typing import TYPE_CHECKING

from retrodict.diagnostics.expected_coverage import ExpectedCoverage
from retrodict.diagnostics.tarp import TARP
from retrodict.plots.grid import panel_grid, shared_legend
from retrodict.plots.style import BAND, MODEL, MUTED, in_style
from retrodict.plots.ticks import short_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@in_style
def coverage_curve(result: ExpectedCoverage | TARP) -> "Figure":
    """Share of true values inside the region of each level, with its simultaneous band.

    Exact posteriors stay inside the band at all levels with at least 99 %. Highest-density
    regions: a curve below the diagonal is a posterior too narrow or shifted, one above it too
    wide. TARP: a curve that starts above the diagonal and ends below it is too narrow or
    shifted, its mirror image too wide.

    Args:
        result: of `expected_coverage` or of `tarp`.
    """
    figure, (ax,) = panel_grid(1)
    ax.fill_between(
        result.levels, result.band_lower, result.band_upper, color=BAND, lw=0,
        label="99 % by chance, all levels together",
    )  # fmt: skip
    ax.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=(0, (4, 2)))
    ax.plot(
        [0, *result.levels, 1], [0, *result.coverage, 1], color=MODEL, label="this posterior"
    )  # fmt: skip
    is_tarp = isinstance(result, TARP)
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.set_xlabel("share of the draws in the ball" if is_tarp else "claimed by the region")
    ax.set_ylabel("share of true values inside")
    ax.text(
        0.97, 0.05, f"p = {short_number(result.p_value)}", transform=ax.transAxes, ha="right",
        fontsize=8.5, color=MUTED,
    )  # fmt: skip
    shared_legend(figure, ax)
    return figure
