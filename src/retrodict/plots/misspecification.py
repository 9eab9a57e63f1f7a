"""One observation against those of training: what is typical, what is odd."""

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from retrodict.diagnostics.misspecification import Misspecification
from retrodict.errors import ConfigurationError
from retrodict.plots.grid import add_note
from retrodict.plots.labels import shortened
from retrodict.plots.style import BAND, INK, MODEL, MUTED, REFERENCE, in_style, literal
from retrodict.plots.ticks import tidy_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from retrodict.plots.arrays import Numbers

_MAX_COLUMNS = 100
_FEW = 12
_COMPARABLE = 50.0


@in_style
def misspecification(result: Misspecification, *, observation: int | None = None) -> "Figure":
    """An observation, what its other observables suggest, and the range of training.

    The axis is that of the observables' own unit where they are of comparable size, as the
    points of a curve are; otherwise each is measured by its own range in training, from -1 to
    1 for the central 95 %.

    Args:
        result: of `TypicalObservations.test`.
        observation: which one; the oddest by default.

    Returns:
        The observation, and the p-values of all where there are several.

    Raises:
        ConfigurationError: no such observation.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    num = len(result.p_values)
    row = int(np.argmin(result.p_values)) if observation is None else observation
    if not -num <= row < num:
        raise ConfigurationError(
            f"There are {num} observations, counted from 0; got {row}.", "Choose one."
        )
    row %= num
    shown = min(len(result.names), _MAX_COLUMNS)
    width = float(np.clip(0.2 * shown + 2.2, 4.2, 12))
    several = num > 1
    total = width + 2.6 * several
    left_out = len(result.names) - shown
    said = [f"Not shown: {left_out} of {len(result.names)} observables."] if left_out else []
    parts = [part for part in (*said, result.reasons(row)) if part]
    note = "\n".join(textwrap.fill(part, int(13 * total)) for part in parts)
    height = 3.2 + 0.15 * note.count("\n") + (0.08 * _longest(result) if _upright(result) else 0)
    figure = Figure(figsize=(total, height), layout=ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.05))
    ratios = [width, 2.6] if several else [width]
    axes = figure.subplots(1, 1 + several, squeeze=False, width_ratios=ratios)[0]
    _against_training(axes[0], result, row, shown)
    if several:
        _all_p_values(axes[1], result)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=4 if total > 8 else 2)
    add_note(figure, note)
    return figure


def _against_training(ax: "Axes", result: Misspecification, row: int, shown: int) -> None:
    low, middle, high = result.typical[:, :shown]
    shift, scale = _units(low, middle, high)

    def on_axis(values: "Numbers") -> "Numbers":
        return (values[..., :shown] - shift) / scale

    places = np.arange(shown)
    ax.bar(
        places, on_axis(high) - on_axis(low), 0.8, bottom=on_axis(low), color=BAND,
        label="95 % of training",
    )  # fmt: skip
    expected, sds = result.expected[row], result.expected_sds[row]
    ax.vlines(
        places, on_axis(expected - 2 * sds), on_axis(expected + 2 * sds), color=MODEL, lw=1.6,
        label="expected given the others, 2 sd",
    )  # fmt: skip
    value = on_axis(result.observed[row])
    odd = result.odd_observables[row, :shown]
    ax.plot(places[~odd], value[~odd], "o", ms=3.6, color=INK, mew=0, label="observed")
    if odd.any():
        ax.plot(
            places[odd], value[odd], "D", ms=6, color=REFERENCE, mec="white", mew=0.6,
            label="observed, odd",
        )  # fmt: skip
    every = 1 if shown <= _FEW else -(-shown // 20)
    marked = np.unique([*places[::every], *places[odd]])
    tidy_ticks(ax)
    ax.set_xticks(
        marked, [literal(shortened(result.names[i])) for i in marked],
        rotation=90 if _upright(result) else 0,
    )  # fmt: skip
    for tick, i in zip(ax.get_xticklabels(), marked, strict=True):
        if odd[i]:
            tick.set_color(REFERENCE)
    ax.set_xlim(-0.7, shown - 0.3)
    ax.set_xlabel("observable")
    raw = bool((shift == 0).all() and (scale == 1).all())
    ax.set_ylabel("value" if raw else "value in its training range")
    ax.use_sticky_edges = False
    ax.margins(y=0.08)
    verdict = "unlike" if result.is_odd[row] else "like"
    ax.set_title(f"row {row}: {verdict} training (p = {result.p_values[row]:.2g})")


def _longest(result: Misspecification) -> int:
    return max(len(shortened(name)) for name in result.names)


def _upright(result: Misspecification) -> bool:
    """Whether the names do not fit side by side."""
    return len(result.names) > _FEW or _longest(result) > 4


def _units(low: "Numbers", middle: "Numbers", high: "Numbers") -> tuple["Numbers", "Numbers"]:
    """Zero of the axis and its unit, for each observable."""
    widths = (high - low) / 2
    varies = widths > 0
    extent = high.max() - low.min()
    if varies.any() and extent < _COMPARABLE * widths[varies].min():
        return np.zeros_like(middle), np.ones_like(middle)
    return (high + low) / 2, np.where(varies, widths, 1)


def _all_p_values(ax: "Axes", result: Misspecification) -> None:
    edges = np.linspace(0, 1, 21).tolist()
    ax.hist(result.p_values, edges, color=MODEL)
    ax.axhline(len(result.p_values) / 20, color=MUTED, lw=1, ls=(0, (4, 2)))
    tidy_ticks(ax, 3)
    ax.set_xlim(0, 1)
    ax.set_xlabel("p-value")
    ax.set_ylabel("observations")
    ax.set_title(f"{int(result.is_odd.sum())} of {len(result.p_values)} odd")
