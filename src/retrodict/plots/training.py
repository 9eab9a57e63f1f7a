"""How training went: both losses over the epochs, and the learning rate below them."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from retrodict.errors import ColumnNotFoundError, TooFewRowsError
from retrodict.plots.style import BLUE, GREEN, INK, MUTED, VERMILION, in_style
from retrodict.plots.ticks import tidy_ticks
from retrodict.variables import Variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from retrodict.plots.arrays import Numbers


@in_style
def training_curve(history: pd.DataFrame, *, loss_unit: str = "nats") -> "Figure":
    """Training and validation loss per epoch, with the best epoch marked.

    Where the first tenth of the epochs would take more than half of the loss axis, the axis is
    set by the others, and a note in the picture says so.

    Args:
        history: one row per epoch with `epoch`, `training_loss`, `validation_loss` and,
            where known, `learning_rate` and `seconds`.
        loss_unit: for the axis; empty where the loss is no likelihood.

    Returns:
        One panel of losses; a second of the learning rate where there is one.

    Raises:
        ColumnNotFoundError: a column is missing.
        TooFewRowsError: there is no epoch.
    """
    for column in ("epoch", "training_loss", "validation_loss"):
        if column not in history.columns:
            raise ColumnNotFoundError(
                f"A training history needs the column `{column}`; "
                f"it has {', '.join(map(str, history.columns)) or 'none'}.",
                "Pass the history that `fit` left behind.",
            )
    if history.empty:
        raise TooFewRowsError("The training history has no epoch.", "Train before plotting.")
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    epoch = history["epoch"].to_numpy(dtype=float)
    training = history["training_loss"].to_numpy(dtype=float)
    validation = history["validation_loss"].to_numpy(dtype=float)
    rates = _rates(history)

    figure = Figure(figsize=(7.6, 4.4 if rates is not None else 3.5), layout="constrained")
    if rates is None:
        losses = last = figure.add_subplot()
    else:
        grid = figure.add_gridspec(2, 1, height_ratios=[4, 1])
        losses = figure.add_subplot(grid[0])
        last = figure.add_subplot(grid[1], sharex=losses)
        losses.tick_params(labelbottom=False)
        _draw_rates(last, epoch, rates)
    tidy_ticks(losses, 6)
    losses.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    losses.grid(axis="y")
    marker = "o" if len(epoch) < 3 else ""
    losses.plot(epoch, training, color=BLUE, label="training", lw=1.3, marker=marker)
    losses.plot(epoch, validation, color=VERMILION, label="validation", marker=marker)
    if len(epoch) < 3:
        losses.set_xlim(epoch.min() - 1, epoch.max() + 1)
    limits = _loss_limits(training, validation)
    losses.set_ylim(*limits)
    if np.isfinite(validation).any():
        _mark_best(losses, epoch, validation)
    finite = [loss for loss in (*training, *validation) if np.isfinite(loss)]
    cut = max(finite, default=limits[1])
    if cut > limits[1]:
        losses.set_title(
            f"first epochs above the frame, up to {cut:.4g}", fontsize=8.5, color=MUTED
        )
    losses.set_ylabel(Variable("loss", loss_unit).label)
    losses.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0.2)
    last.set_xlabel("epoch")
    return figure


def _rates(history: pd.DataFrame) -> "Numbers | None":
    if "learning_rate" not in history.columns:
        return None
    rates = history["learning_rate"].to_numpy(dtype=float)
    return rates if np.isfinite(rates).any() else None


def _draw_rates(ax: "Axes", epoch: "Numbers", rates: "Numbers") -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.plot(epoch, rates * 1e3, color=GREEN, lw=1.3, marker="o" if len(epoch) < 3 else "")
    ax.set_ylabel("learning\nrate [10\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT THREE}]")
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.grid(axis="y")


def _loss_limits(training: "Numbers", validation: "Numbers") -> tuple[float, float]:
    skipped = 0 if len(training) < 5 else max(1, len(training) // 10)
    both = np.concatenate([training, validation])
    settled = np.concatenate([training[skipped:], validation[skipped:]])
    both, settled = both[np.isfinite(both)], settled[np.isfinite(settled)]
    if settled.size == 0:
        settled = both
    if settled.size == 0:
        return 0.0, 1.0
    low, high = float(both.min()), float(settled.max())
    if both.max() - low <= 2 * (high - low):
        high = float(both.max())
    pad = 0.07 * (high - low) or 0.05 * abs(high) or 0.1
    return low - pad, high + pad


def _mark_best(ax: "Axes", epoch: "Numbers", validation: "Numbers") -> None:
    best = int(np.nanargmin(validation))
    label = f"best: {validation[best]:.4g} at epoch {epoch[best]:g}"
    ax.axvline(epoch[best], color=INK, lw=0.8, ls=(0, (3, 3)), zorder=1)
    ax.plot(
        epoch[best], validation[best], "o", ms=6, mfc="white", mec=INK, mew=1.4, zorder=5,
        label=label.replace("-", "\N{MINUS SIGN}"),
    )  # fmt: skip
