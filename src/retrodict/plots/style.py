"""One look for every picture, applied for the length of one call only."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from matplotlib.ticker import Formatter

P = ParamSpec("P")
R = TypeVar("R")

# Okabe and Ito's colours keep apart under the common kinds of colour blindness.
BLUE = "#0072B2"
VERMILION = "#D55E00"
GREEN = "#009E73"
INK = "#1f2933"
MUTED = "#66717c"
FAINT = "#dfe3e8"
BAND = "#dde3ea"
PAPER = "#ffffff"

MODEL = BLUE
REFERENCE = VERMILION
TRUTH = INK

_SETTINGS: dict[str, Any] = {
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "axes.edgecolor": "#9aa5b1",
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": "#9aa5b1",
    "ytick.color": "#9aa5b1",
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "grid.color": "#eceff2",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "font.size": 9.5,
    # The one family that comes with matplotlib, so that a picture looks alike everywhere.
    "font.family": ["DejaVu Sans"],
    "svg.fonttype": "path",
    # Fixed, so that the same data give the same file.
    "svg.hashsalt": "retrodict",
}


@contextmanager
def style_context() -> Iterator[None]:
    """Matplotlib's defaults plus this style; the user's settings come back afterwards."""
    import matplotlib.style

    with matplotlib.style.context(["default", _SETTINGS]):
        yield


def in_style(function: Callable[P, R]) -> Callable[P, R]:
    """Run a plotting function inside `style_context`."""

    @functools.wraps(function)
    def styled(*args: P.args, **kwargs: P.kwargs) -> R:
        with style_context():
            return function(*args, **kwargs)

    return styled


def literal(text: str) -> str:
    """Text as it stands: a dollar sign is money, not the start of a formula."""
    return text.replace("$", r"\$")


def tick_formatter() -> "Formatter":
    """Tick labels with just the digits that tell neighbours apart, and no offset text."""
    from matplotlib.ticker import Formatter

    class _Compact(Formatter):
        def __call__(self, x: float, pos: int | None = None) -> str:  # noqa: ARG002
            return f"{x:g}"

        def format_ticks(self, values: Any) -> list[str]:
            return [compact(float(value), values) for value in values]

    return _Compact()


def compact(value: float, neighbours: Any) -> str:
    """`value` with the digits needed to tell it from its neighbours on an axis."""
    import numpy as np

    locations = np.asarray(neighbours, dtype=float)
    gaps = np.abs(np.diff(np.unique(locations))) if locations.size > 1 else np.array([])
    gap = gaps.min() if gaps.size else abs(value)
    largest = np.abs(locations).max() if locations.size else abs(value)
    if abs(value) < 1e-9 * largest or value == 0:
        return "0"
    if 1e-3 <= largest < 1e5:
        decimals = max(0, -int(np.floor(np.log10(gap) + 1e-9)))
        # Ticks at 2.5 steps need one digit more than their gap's order of magnitude.
        decimals += int(abs(gap * 10**decimals - round(gap * 10**decimals)) > 1e-6)
        text = f"{value:.{decimals}f}"
    else:
        digits = max(0, int(np.ceil(np.log10(largest / gap))))
        mantissa, exponent = f"{value:.{digits}e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "\N{MINUS SIGN}")
