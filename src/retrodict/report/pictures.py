"""Figures as pictures inside the page, within a budget of bytes."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrodict.plots.export import to_png, to_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUDGET = 4_200_000
_MAX_SVG = 250_000
# Beyond this the SVG would only be drawn, slowly, to be found too big.
_MAX_SVG_PANELS = 20
_RESOLUTIONS = (160, 120, 90, 60)
# In CSS pixels: at 0.64 of its size, the least that can be read, it fills a phone's 338.
_WIDEST_ON_A_PHONE = 528


@dataclass(frozen=True)
class Picture:
    """One picture, ready for an `img` element.

    Attributes:
        uri: the picture itself, as a data URI.
        alt: what it shows, for those who cannot see it.
        width: in CSS pixels, its natural size.
        height: in CSS pixels.
    """

    uri: str
    alt: str
    width: int
    height: int

    @property
    def is_wide(self) -> bool:
        """Whether it has to be scrolled on a phone, where it is shown at 0.64 of its size."""
        return self.width > _WIDEST_ON_A_PHONE


def embed(figures: "Sequence[tuple[Figure, str]]", budget: int = BUDGET) -> list[Picture]:
    """Each figure with its alternative text as a picture; together they stay in the budget.

    Line drawings become SVG, which is sharp at any size; crowded ones become PNG, at the
    highest of a few resolutions that fits the picture's share of the budget, else the lowest.

    Args:
        figures: each with the words for those who cannot see it.
        budget: bytes for all data URIs together.
    """
    share = budget // max(1, len(figures))
    return [_picture(figure, alt, share) for figure, alt in figures]


def _picture(figure: "Figure", alt: str, budget: int) -> Picture:
    width, height = (round(96 * float(inches)) for inches in figure.get_size_inches())
    uri = ""
    if len(figure.axes) <= _MAX_SVG_PANELS:
        uri = _uri("image/svg+xml", to_svg(figure))
    if not uri or len(uri) > min(budget, _MAX_SVG):
        for resolution in _RESOLUTIONS:
            uri = _uri("image/png", to_png(figure, resolution))
            if len(uri) <= budget:
                break
    return Picture(uri, alt, width, height)


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
