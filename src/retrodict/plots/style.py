"""One look for every picture, applied for the length of one call only."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

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
