"""Names as labels: long ones broken over lines or cut, so that none runs into its neighbours."""

import re
from collections.abc import Sequence
from itertools import chain

from retrodict.plots.style import literal

_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_NAME_AND_UNIT = re.compile(r"(?P<name>.*?)(?: (?P<unit>\[[^\[\]]*\]))?", re.DOTALL)
_PIECE = re.compile(r"[^_/.\-]*[_/.\-]+|[^_/.\-]+")


def wrapped(text: str, width: int = 26, max_lines: int = 3) -> str:
    """A name, or a name and its unit, broken over lines.

    Lines end between words; within a word that is too long after an underscore, a hyphen, a
    slash or a point, and anywhere only where it has none. A name that needs more lines is cut;
    the unit, in brackets at the end, never is, and stays on one line if it fits there.

    Args:
        text: as it stands; a dollar sign is money.
        width: letters in a line.
        max_lines: of the name.
    """
    parts = _NAME_AND_UNIT.fullmatch(text)
    name, unit = (parts["name"], parts["unit"] or "") if parts else (text, "")
    lines = _lines(name.split(), width)
    if len(lines) > max_lines:
        lines = [*lines[: max_lines - 1], lines[max_lines - 1][: width - 1] + _ELLIPSIS]
    if unit:
        lines = _lines([unit] if len(unit) <= width else unit.split(), width, lines)
    return literal("\n".join(lines))


def shortened(name: str, longest: int = 18) -> str:
    """The name, cut where it is longer than `longest` letters."""
    return name if len(name) <= longest else name[: longest - 1] + _ELLIPSIS


def some_of(names: Sequence[str], num: int = 4) -> str:
    """The first `num` names, shortened, and a sign that there are more."""
    return ", ".join([*map(shortened, names[:num]), *(["..."] if len(names) > num else [])])


def _lines(words: Sequence[str], width: int, lines: Sequence[str] = ("",)) -> list[str]:
    *full, last = lines
    for word in words:
        if len(last) + len(word) + bool(last) <= width:
            last = f"{last} {word}" if last else word
            continue
        if last:
            full.append(last)
        last, *more = _broken(word, width)
        for piece in more:
            if len(last) + len(piece) > width:
                full.append(last)
                last = ""
            last += piece
    return [*full, last]


def _broken(word: str, width: int) -> list[str]:
    """The pieces of a word between which a line may end."""
    if len(word) <= width:
        return [word]
    # A piece a little too long is better whole than cut.
    pieces = (
        [piece[i : i + width] for i in range(0, len(piece), width)]
        if len(piece) > 1.4 * width
        else [piece]
        for piece in _PIECE.findall(word)
    )
    return list(chain.from_iterable(pieces))
