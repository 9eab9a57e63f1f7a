"""One column of anything as float64, or the first rows that are no numbers."""

import math
import numbers
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from retrodict.errors import NotNumericError
from retrodict.tables.names import listed
from retrodict.tables.sniff import is_number

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+([eE][+-]?\d+)?\s*")


def is_real_type(dtype: np.dtype) -> bool:
    """Whether an array type holds real numbers (bool counts; so does bfloat16, not complex)."""
    if dtype.kind == "V":
        return dtype.names is None and bool(np.can_cast(dtype, np.float64))
    return dtype.kind in "biuf"


def numeric_column(column: "pandas.Series", name: str) -> Float[np.ndarray, " rows"]:
    """The column as float64; missing values become NaN, for the caller to refuse or mask.

    Objects are taken where each is a real number. Text is refused even where it reads as
    numbers: only the user knows whether `1,5` and `007` are any.

    Raises:
        NotNumericError: text, dates, complex numbers or other objects.
    """
    import pandas as pd

    dtype: Any = column.dtype
    if isinstance(dtype, np.dtype) and is_real_type(dtype):
        return column.to_numpy(dtype=np.float64)
    if isinstance(dtype, np.dtype) and dtype.kind == "c":
        raise complex_refused(f"column `{name}`")
    if pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
        raise NotNumericError(
            f"Column `{name}` holds dates or durations ({dtype}), not numbers.",
            "Convert it to a number with a unit, e.g. days: "
            f"`(frame['{name}'] - start) / pandas.Timedelta(days=1)`.",
        )
    if pd.api.types.is_numeric_dtype(dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return _from_objects(column.to_numpy(dtype=object), name)


def complex_refused(what: str) -> NotNumericError:
    """The error for complex numbers in `what`."""
    return NotNumericError(
        f"Complex data not supported: {what} holds complex numbers where real ones are needed.",
        "Give real and imaginary part (or modulus and phase) as two columns.",
    )


def _from_objects(objects: np.ndarray, name: str) -> Float[np.ndarray, " rows"]:
    values = np.empty(len(objects))
    offending = []
    for row, item in enumerate(objects):
        number = _as_float(item)
        if number is None:
            offending.append(row)
        else:
            values[row] = number
    if not offending:
        return values
    unreadable = [row for row in offending if not _is_number_in_text(objects[row])]
    wrong = unreadable or offending
    shown = listed([f"row {row}: {objects[row]!r:.60}" for row in wrong], limit=3)
    raise NotNumericError(
        f"Column `{name}` must hold numbers; {len(wrong)} of its {len(objects)} entries are not "
        f"({shown}; rows counted from 0).",
        _cure(name, [objects[row] for row in unreadable]),
    )


def _is_number_in_text(item: Any) -> bool:
    return isinstance(item, str) and is_number(item)


def _cure(name: str, unreadable: list[Any]) -> str:
    if not unreadable:
        return f"These are texts that read as numbers: convert `{name}` with `.astype(float)`."
    if all(isinstance(item, str) and _DECIMAL_COMMA.fullmatch(item) for item in unreadable):
        return "Write decimals with a point, not a comma."
    return "Correct those entries, or leave the column out."


def _as_float(item: Any) -> float | None:
    import pandas as pd

    if item is None or item is pd.NA or item is pd.NaT:
        return math.nan
    if isinstance(item, (numbers.Real, Decimal, np.bool_)):
        try:
            return float(item)
        except OverflowError:
            return None
    return None
