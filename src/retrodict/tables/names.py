"""Names that are nearly the one that was asked for, and short lists for messages."""

import difflib
from collections.abc import Iterable, Sequence


def nearest(name: str, known: Iterable[str]) -> str:
    """The known names most like `name`, for a hint: "`age` or `slag`"; empty if none is near."""
    known = list(known)
    folded = {candidate.casefold(): candidate for candidate in reversed(known)}
    close = [
        folded[match]
        for match in difflib.get_close_matches(name.casefold(), list(folded), n=3, cutoff=0.5)
    ]
    # An abbreviation is far in edits, and yet what was meant: `slag` for `blast-furnace slag`.
    if not close and name:
        close = [candidate for candidate in known if name.casefold() in candidate.casefold()][:3]
    return " or ".join(f"`{candidate}`" for candidate in close)


def listed(items: Sequence[object], limit: int = 10) -> str:
    """The items, comma separated, at most `limit` of them and the count of the rest."""
    shown = ", ".join(str(item) for item in items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit} more"
