"""Values that expression can have: finite numbers that are not negative."""

import numpy as np
import pandas as pd
from jaxtyping import Bool

from retrodict.errors import NonFiniteError, NotNumericError, OutOfBoundsError
from retrodict.tables.names import listed
from retrodict.tables.sniff import is_number

_SHOWN = 3


def require_expression(values: pd.DataFrame, where: str, *, rows: str = "sample") -> None:
    """Check that the values are finite, not negative, and numbers at all.

    Args:
        values: to be checked.
        where: they come from, for messages.
        rows: what a row stands for: "sample" or "gene"; a column is the other.

    Raises:
        NotNumericError: text, with its places.
        NonFiniteError: NaN or infinity, with their count and first places.
        OutOfBoundsError: negative values, likewise.
    """
    is_text = np.array([not pd.api.types.is_numeric_dtype(dtype) for dtype in values.dtypes])
    if is_text.any():
        raise _not_numeric(values.loc[:, is_text], where, rows)
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    is_bad = ~np.isfinite(numbers)
    if is_bad.any():
        raise NonFiniteError(
            f"Expression values are finite; {where} has {is_bad.sum():,} NaN or infinite ones: "
            f"{_places(values, is_bad, rows)}.",
            "Leave those genes or samples out: they are neither dropped nor filled in silently.",
        )
    is_bad = numbers < 0
    if is_bad.any():
        raise OutOfBoundsError(
            f"Expression is not negative; {where} has {is_bad.sum():,} negative values: "
            f"{_places(values, is_bad, rows)}.",
            "Give FPKM, TPM or counts as measured, or their logarithms, before any centring or "
            "scaling.",
        )


def _not_numeric(text: pd.DataFrame, where: str, rows: str) -> NotNumericError:
    is_bad = np.zeros(text.shape, dtype=bool)
    for column in range(text.shape[1]):
        entries = text.iloc[:, column]
        is_bad[:, column] = [
            isinstance(entry, str) and not is_number(entry) for entry in entries.tolist()
        ]
    if not is_bad.any():
        is_bad[0] = True
    return NotNumericError(
        f"Expression values are numbers; {where} has {is_bad.sum():,} that are not: "
        f"{_places(text, is_bad, rows)}.",
        "Correct them, or leave the column out; a label has no numbers in its column.",
    )


def _places(values: pd.DataFrame, is_bad: Bool[np.ndarray, "rows columns"], rows: str) -> str:
    columns = "gene" if rows == "sample" else "sample"
    found = np.argwhere(is_bad)
    shown = [
        f"{values.iloc[row, column]!s:.20} in {rows} {values.index[row]}, {columns} "
        f"{values.columns[column]}"
        for row, column in found[:_SHOWN].tolist()
    ]
    return listed(["; ".join(shown)]) + (
        f" and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
    )
