"""Ticks: few, with labels that tell neighbours apart and have room beside one another."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.ticker import Formatter, Locator

_STEPS = (1, 2, 2.5, 5, 10)
_INCHES_PER_DIGIT = 0.076  # at the size of tick labels
_INCHES_BETWEEN = 0.06


def tidy_ticks(ax: "Axes", num: int = 4, *, overhang: float = np.inf) -> None:
    """Few ticks, with labels that carry only the digits they need.

    Args:
        ax: where.
        num: at most so many intervals between ticks; fewer below, where labels are long.
        overhang: inches by which a label below may stand out at an end of the axis.
    """
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(_fitting_locator(ax, num, overhang))
    ax.yaxis.set_major_locator(MaxNLocator(num, steps=_STEPS))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(tick_formatter())


def _fitting_locator(ax: "Axes", num: int, overhang: float) -> "Locator":
    from matplotlib.ticker import Locator

    class _Fitting(Locator):
        def __call__(self) -> Any:
            return self.tick_values(*ax.get_xlim())

        def tick_values(self, vmin: float, vmax: float) -> Any:
            low, high = sorted((float(vmin), float(vmax)))
            length = ax.bbox.width / ax.figure.dpi
            return _fitting_ticks(low, high, float(length), num, overhang)

    return _Fitting()


# A figure asks for the same ticks many times over while it is laid out.
@lru_cache(maxsize=512)
def _fitting_ticks(
    low: float, high: float, length: float, num: int, overhang: float
) -> Float[np.ndarray, " ticks"]:
    """Ticks between `low` and `high` whose labels fit beside one another on `length` inches."""
    from matplotlib.ticker import MaxNLocator

    ticks = np.empty(0)
    for most in range(num, 0, -1):
        ticks = np.asarray(MaxNLocator(most, steps=_STEPS).tick_values(low, high))
        ticks = ticks[(ticks >= low) & (ticks <= high)]
        width = _INCHES_PER_DIGIT * max((len(compact(t, ticks)) for t in ticks), default=0)
        places = (ticks - low) / (high - low) * length
        has_room = np.minimum(places, length - places) + overhang >= width / 2
        if has_room.sum() >= 2:
            ticks, places = ticks[has_room], places[has_room]
        if len(ticks) < 2 or np.diff(places).min() >= width + _INCHES_BETWEEN:
            break
    else:
        # The farthest apart; fewer than two would be no scale.
        ticks = ticks[[0, -1]]
    return ticks


def tick_formatter() -> "Formatter":
    """Tick labels with just the digits that tell neighbours apart, and no offset text."""
    from matplotlib.ticker import Formatter

    class _Compact(Formatter):
        def __call__(self, x: float, pos: int | None = None) -> str:  # noqa: ARG002 (a formatter is told)
            return f"{x:g}"

        def format_ticks(self, values: Any) -> list[str]:
            return [compact(float(value), values) for value in values]

    return _Compact()


def compact(value: float, neighbours: Any) -> str:
    """`value` with the digits needed to tell it from its neighbours on an axis."""
    locations = np.asarray(neighbours, dtype=float)
    gaps = np.abs(np.diff(np.unique(locations))) if locations.size > 1 else np.array([])
    # Four digits: beyond, the difference of two large numbers is rounding.
    gap = float(f"{gaps.min() if gaps.size else abs(value):.4g}")
    largest = np.abs(locations).max() if locations.size else abs(value)
    if abs(value) < 1e-9 * largest or value == 0:
        return "0"
    # A date in days or a year has many digits before its point, and needs them all.
    needs_all = largest >= 1e5 and len(_plain(largest, gap)) <= len(
        _with_exponent(largest, gap, largest)
    )
    if 1e-3 <= largest < 1e5 or needs_all:
        text = _plain(value, gap)
    else:
        text = _with_exponent(value, gap, largest)
    return text.replace("-", "\N{MINUS SIGN}")


def _plain(value: float, gap: float) -> str:
    decimals = max(0, -int(np.floor(np.log10(gap) + 1e-9)))
    # Ticks at 2.5 steps need one digit more than their gap's order of magnitude.
    decimals += int(abs(gap * 10**decimals - round(gap * 10**decimals)) > 1e-6)
    return f"{value:.{decimals}f}"


def _with_exponent(value: float, gap: float, largest: float) -> str:
    digits = max(0, int(np.ceil(np.log10(largest / gap))))
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(exponent)}"


def short_number(value: float) -> str:
    """Two digits, without an exponent where people would write none: `130`, `0.00042`, `4e−8`."""
    rounded = float(f"{value:.2g}")
    text = f"{rounded:.6g}" if 1e-5 <= abs(rounded) < 1e6 or rounded == 0 else f"{rounded:.1e}"
    mantissa, *exponent = text.split("e")
    if exponent:
        text = f"{mantissa.removesuffix('.0')}e{int(exponent[0])}"
    return text.replace("-", "\N{MINUS SIGN}")
