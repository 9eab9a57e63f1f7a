"""Quality against the number of simulations."""

from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from retrodict.plots.arrays import checked
from retrodict.plots.style import BLUE, INK, MUTED, VERMILION, in_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@in_style
def learning_curve(
    num_simulations: ArrayLike,
    calibration_error: ArrayLike,
    by_chance: ArrayLike,
    *,
    log_score: ArrayLike | None = None,
    wanted: float | None = None,
    projected: float | None = None,
) -> "Figure":
    """Calibration error, and where there are densities the log score, over the simulations.

    Args:
        num_simulations: of each point, increasing.
        calibration_error: of each point, as a share.
        by_chance: what an exact posterior stays below in 99 % of tests; the grey band.
        log_score: held-out log density of each point, in nats; no second panel without it.
        wanted: calibration error, as a dashed line.
        projected: number of simulations at which it is reached, a hollow point beyond the curve.

    Raises:
        ShapeError: lengths that do not agree, or no point.
        NonFiniteError: NaN or infinity among the numbers.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    num = checked("num_simulations", num_simulations, (None,), ("points",))
    errors = checked("calibration_error", calibration_error, num.shape, ("points",))
    chance = checked("by_chance", by_chance, num.shape, ("points",))
    scores = None if log_score is None else checked("log_score", log_score, num.shape, ("points",))
    figure = Figure(figsize=(5.4 if scores is None else 9.2, 3.7), layout="constrained")
    panels = figure.subplots(1, 1 if scores is None else 2, squeeze=False)[0]
    ax = panels[0]
    ax.fill_between(num, 0, 100 * chance, color=MUTED, alpha=0.18, lw=0, label="99 % by chance")
    ax.plot(num, 100 * errors, "o-", color=BLUE, label="this solver", zorder=3)
    if wanted is not None:
        ax.axhline(100 * wanted, color=INK, lw=1, ls="--", label="wanted")
        if projected is not None and projected > num[-1]:
            ends = [num[-1], projected], [100 * errors[-1], 100 * wanted]
            ax.plot(*ends, color=VERMILION, lw=1, ls=":")
            ax.plot(
                projected, 100 * wanted, "o", mfc="none", color=VERMILION, label="projected",
                zorder=4,
            )  # fmt: skip
    ax.set_ylim(bottom=0)
    ax.set_ylabel("calibration error (%)")
    ax.legend(frameon=False)
    if scores is not None:
        panels[1].plot(num, scores, "o-", color=BLUE)
        panels[1].set_ylabel("held-out log score (nats per cause)")
    for panel in panels:
        panel.set_xscale("log")
        low, high = panel.get_xlim()
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 30 * low else (1,)))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        panel.grid(visible=True)
        panel.set_xlabel("simulations")
    return figure
