"""What people type on a command line: names, values, bounds."""

import math
import re
from collections.abc import Mapping, Sequence

from retrodict.errors import ConfigurationError, NonFiniteError, NotNumericError
from retrodict.tables.columns import require_columns
from retrodict.variables import Variable

_NAME_WITH_UNIT = re.compile(r"([^\[\]]+?)\s*(?:\[([^\[\]]*)\])?")


def parse_names(text: str) -> list[str]:
    """Names from `cement,slag,age`.

    Raises:
        ConfigurationError: none, an empty one, or one given twice.
    """
    names = [part.strip() for part in _split(text)]
    if not all(names):
        raise ConfigurationError(
            f"Expected names separated by commas; got {text!r}.", "Write e.g. `cement,slag,age`."
        )
    _check_distinct(names, text)
    return names


def parse_name(text: str) -> tuple[str, str]:
    """Name and unit from `strength[MPa]` or `strength [MPa]`; the unit is empty if not given.

    Raises:
        ConfigurationError: no name, or brackets that do not match.
    """
    match = _NAME_WITH_UNIT.fullmatch(text.strip())
    if match is None or not match[1].strip():
        raise ConfigurationError(
            f"Expected a name, or a name with its unit in brackets; got {text!r}.",
            "Write e.g. `strength[MPa]`.",
        )
    return match[1].strip(), (match[2] or "").strip()


def parse_names_and_units(text: str) -> list[tuple[str, str]]:
    """Names and units from `strength[MPa],age[days]`.

    Raises:
        ConfigurationError: as `parse_names` and `parse_name`.
    """
    named = [parse_name(part) for part in parse_names(text)]
    _check_distinct([name for name, _ in named], text)
    return named


def parse_values(text: str) -> dict[str, float]:
    """Numbers by name from `c=60,d=28`.

    Raises:
        ConfigurationError: not of this form, or a name given twice.
        NotNumericError: a value that is no number.
        NonFiniteError: a value that is NaN or infinite.
    """
    pairs = [_name_and_rest(part, text, "c=60,d=28") for part in _split(text)]
    _check_distinct([name for name, _ in pairs], text)
    values = {name: _number(rest, name) for name, rest in pairs}
    for name, value in values.items():
        if not math.isfinite(value):
            raise NonFiniteError(
                f"The value of `{name}` must be finite; got {value}.", "Give a number."
            )
    return values


def parse_bounds(text: str) -> dict[str, tuple[float, float]]:
    """Lower and upper bounds by name from `cement=0:600,slag=0:`; an open side is infinite.

    Raises:
        ConfigurationError: not of this form, a name given twice, or lower not below upper.
        NotNumericError: a bound that is no number.
    """
    pairs = [_name_and_rest(part, text, "cement=0:600,slag=0:") for part in _split(text)]
    _check_distinct([name for name, _ in pairs], text)
    return {name: _bounds(rest, name) for name, rest in pairs}


def variables_of(
    named: Sequence[tuple[str, str]], bounds: Mapping[str, tuple[float, float]] | None = None
) -> tuple[Variable, ...]:
    """Variables from `(name, unit)` pairs and the bounds of some of them.

    Raises:
        ColumnNotFoundError: bounds for a name that is not among them.
    """
    bounds = bounds or {}
    require_columns(bounds, [name for name, _ in named], "What is to be bounded")
    return tuple(
        Variable(name, unit, lower=lower, upper=upper)
        for name, unit in named
        for lower, upper in [bounds.get(name, (-math.inf, math.inf))]
    )


def _split(text: str) -> list[str]:
    """Parts between commas; a comma in brackets belongs to a unit."""
    return re.split(r",(?![^\[]*\])", text)


def _name_and_rest(part: str, text: str, example: str) -> tuple[str, str]:
    name, equals, rest = part.partition("=")
    if not equals or not name.strip() or not rest.strip():
        raise ConfigurationError(
            f"Expected `name=...` separated by commas; got {part.strip()!r} in {text!r}.",
            f"Write e.g. `{example}`.",
        )
    return name.strip(), rest.strip()


def _bounds(rest: str, name: str) -> tuple[float, float]:
    parts = [part.strip() for part in rest.split(":")]
    if len(parts) != 2:
        raise ConfigurationError(
            f"Bounds are `lower:upper`, where an open side is left out; got {rest!r} for `{name}`.",
            f"Write e.g. `{name}=0:600`, `{name}=0:`, or `{name}=:` for none.",
        )
    lower = _number(parts[0], name) if parts[0] else -math.inf
    upper = _number(parts[1], name) if parts[1] else math.inf
    if not lower < upper:
        raise ConfigurationError(
            f"The lower bound of `{name}` must be below the upper one; got {rest!r}.",
            "Give the smaller number first.",
        )
    return lower, upper


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise NotNumericError(
            f"Expected a number for `{name}`; got {text!r}.",
            "Write decimals with a point and separate entries by commas.",
        ) from None


def _check_distinct(names: Sequence[str], text: str) -> None:
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise ConfigurationError(
            f"A name is given once; more than once in {text!r}: {', '.join(twice)}.",
            "Remove the repetition.",
        )
