"""A figure as bytes, without a window, a clock or a random number in them."""

import io
from typing import TYPE_CHECKING, Any

from retrodict.plots.style import in_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Cut to what is drawn: a label of two lines may reach beyond the figure.
_MARGIN: dict[str, Any] = {"bbox_inches": "tight", "pad_inches": 0.1}


@in_style
def to_svg(figure: "Figure") -> bytes:
    """The figure as SVG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, **_MARGIN)
    return buffer.getvalue()


@in_style
def to_png(figure: "Figure", dpi: float = 160) -> bytes:
    """The figure as PNG at `dpi` pixels per inch."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None}, **_MARGIN)
    return buffer.getvalue()
