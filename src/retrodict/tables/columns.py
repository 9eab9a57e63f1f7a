"""Columns picked from a table by name, as numbers."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from retrodict.errors import ColumnNotFoundError, ConfigurationError
from retrodict.tables.names import listed, nearest
from retrodict.tables.numeric import numeric_column

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)


def select_columns(frame: "pandas.DataFrame", names: Sequence[str]) -> "pandas.DataFrame":
    """The columns called `names`, in that order, as float64; missing values stay NaN.

    Raises:
        ConfigurationError: no names, one text in place of a list, or a name given twice.
        ColumnNotFoundError: a name the table does not have, or has more than once.
        NotNumericError: text, dates or complex numbers in one of them.
    """
    import pandas as pd

    if isinstance(names, str) or not names:
        raise ConfigurationError(
            f"Columns are picked by a list of names; got {names!r}.",
            f"Write e.g. [{names!r}]." if names else "Name at least one column.",
        )
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise ConfigurationError(
            f"A column is picked once; given more than once: {', '.join(twice)}.",
            "Remove the repetition.",
        )
    require_columns(names, list(frame.columns), "The table")
    columns = {name: numeric_column(frame[name], name) for name in names}
    return pd.DataFrame(columns, index=frame.index)


def require_columns(names: Iterable[str], known: Sequence[object], owner: str) -> None:
    """Raise unless each of `names` is exactly once among `known`.

    Args:
        names: what is asked for.
        known: what there is.
        owner: who has them, as a message begins: "The table".

    Raises:
        ColumnNotFoundError: naming the nearest names there are.
    """
    names, there = list(names), [str(name) for name in known]
    missing = [name for name in names if name not in there]
    if missing:
        near = [f"for `{name}`: {nearest(name, there)}" for name in missing if nearest(name, there)]
        raise ColumnNotFoundError(
            f"{owner} has no column called {listed([f'`{name}`' for name in missing])}; "
            f"it has {listed(there, limit=20) or 'none'}.",
            f"Did you mean, {'; '.join(near)}?" if near else "Use one of the names it has.",
        )
    repeated = [name for name in names if there.count(name) > 1]
    if repeated:
        raise ColumnNotFoundError(
            f"{owner} has more than one column called {listed(repeated)}: which one is not said.",
            "Rename the columns so that each name occurs once.",
        )
