"""Whatever a user brings, as one checked float64 matrix with names."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from retrodict.errors import (
    DataError,
    NonFiniteError,
    NotNumericError,
    OutOfBoundsError,
    ShapeError,
)
from retrodict.tables.columns import require_columns
from retrodict.tables.names import listed
from retrodict.tables.numeric import complex_refused, is_real_type, numeric_column
from retrodict.variables import Variable, names_of

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)


@dataclass(frozen=True)
class Matrix:
    """Finite numbers, one row per example, with the names and the index they came with.

    Args:
        values: float64, `(rows, columns)`.
        names: of the columns; None where the data had none.
        index: the pandas index of the rows; None for arrays.
    """

    values: Float[np.ndarray, "rows columns"]
    names: tuple[str, ...] | None = None
    index: Any = None

    def name_of(self, column: int) -> str:
        """The name of a column, for messages; `column 2` where there is none."""
        return _spoken_name(self.names, column)


def as_matrix(data: Any, role: str = "x", variables: Sequence[Variable] | None = None) -> Matrix:
    """Check `data` and return it as a matrix; nothing is dropped, filled or clipped.

    Args:
        data: array (NumPy, JAX), DataFrame, Series (one column), list of rows, or dict from
            names to columns.
        role: what the data are called in messages.
        variables: where given, named columns are picked by their names in this order, unnamed
            ones must be as many, and every value must lie within its variable's bounds.

    Raises:
        ShapeError: not two-dimensional, no rows, no columns, or another number of columns than
            of variables.
        NotNumericError: text, dates, complex numbers or objects.
        NonFiniteError: NaN or infinity, with the count and the first rows.
        ColumnNotFoundError: a variable that the named columns lack.
        DataError: column names that occur twice.
        OutOfBoundsError: values outside the bounds of their variable.
    """
    import pandas as pd

    if isinstance(data, pd.Series):
        data = data.to_frame()
    elif isinstance(data, Mapping):
        data = _frame_of_columns(data, role)
    if isinstance(data, pd.DataFrame):
        matrix = _from_frame(data, role, variables)
    else:
        matrix = _from_array(data, role, variables)
    _check_finite(matrix, role)
    if variables is not None:
        _check_bounds(matrix, role, variables)
    return matrix


def _frame_of_columns(data: Mapping[Any, Any], role: str) -> "pandas.DataFrame":
    import pandas as pd

    columns = {name: np.asarray(column) for name, column in data.items()}
    wrong = [str(name) for name, column in columns.items() if column.ndim != 1]
    if wrong:
        raise ShapeError(
            f"In a dict, `{role}` maps names to one-dimensional columns; these are not: "
            f"{listed(wrong)}.",
            "Write e.g. {'age': [28.0, 56.0]}.",
        )
    if len({len(column) for column in columns.values()}) > 1:
        lengths = listed([f"`{name}` has {len(column)}" for name, column in columns.items()])
        raise ShapeError(
            f"The columns of `{role}` have different numbers of rows: {lengths}.",
            "Give every column one entry per example.",
        )
    return pd.DataFrame(columns)


def _from_frame(
    frame: "pandas.DataFrame", role: str, variables: Sequence[Variable] | None
) -> Matrix:
    names = _names_of_frame(frame, role)
    if variables is not None and names is not None:
        wanted = names_of(variables)
        require_columns(wanted, names, f"`{role}`")
        frame, names = frame[wanted], tuple(wanted)
    _check_shape(frame.shape, role, variables)
    if names is None and variables is not None:
        names = tuple(names_of(variables))
    columns = [
        numeric_column(frame.iloc[:, column], _bare_name(names, column))
        for column in range(frame.shape[1])
    ]
    return Matrix(np.stack(columns, axis=1), names, frame.index)


def _names_of_frame(frame: "pandas.DataFrame", role: str) -> tuple[str, ...] | None:
    are_texts = [isinstance(name, str) for name in frame.columns]
    if not any(are_texts):
        return None
    names = tuple(str(name) for name in frame.columns)
    if not all(are_texts):
        raise DataError(
            f"Some column names of `{role}` are texts and some are not: {listed(names)}.",
            "Make all of them texts: `frame.columns = frame.columns.astype(str)`.",
        )
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise DataError(
            f"Column names of `{role}` must be distinct; these occur more than once: "
            f"{listed(twice)}.",
            "Rename or drop the repeated columns.",
        )
    return names


def _from_array(data: Any, role: str, variables: Sequence[Variable] | None) -> Matrix:
    if isinstance(data, np.ma.MaskedArray):
        # What is masked has no value: NaN, so that it is refused and not read through the mask.
        data = np.ma.filled(data.astype(np.float64), np.nan)
    try:
        array = np.asarray(data)
    except (TypeError, ValueError) as error:
        raise ShapeError(
            f"`{role}` is not a matrix of numbers: {error}.",
            "Give every row the same number of entries, one per column.",
        ) from error
    if array.dtype.kind == "c":
        raise complex_refused(f"`{role}`")
    if array.ndim == 0 and array.dtype.kind == "O":
        raise NotNumericError(
            f"`{role}` must be an array, a DataFrame or a dict of columns; "
            f"got {type(data).__name__}.",
            "Convert it to a NumPy array first (a sparse matrix by `.toarray()`).",
        )
    _check_shape(array.shape, role, variables)
    names = tuple(names_of(variables)) if variables is not None else None
    if not is_real_type(array.dtype):
        raise _not_numeric_array(array, role, names)
    return Matrix(np.array(array, dtype=np.float64, order="C"), names)


def _not_numeric_array(array: np.ndarray, role: str, names: tuple[str, ...] | None) -> Exception:
    import pandas as pd

    for column in range(array.shape[1]):
        try:
            numeric_column(pd.Series(array[:, column].astype(object)), _bare_name(names, column))
        except NotNumericError as error:
            return NotNumericError(f"In `{role}`: {error.message}", error.hint)
    return NotNumericError(
        f"`{role}` has type {array.dtype}, which is not a numeric type.",
        f"Convert it: `{role}.astype(float)`.",
    )


def _check_shape(shape: tuple[int, ...], role: str, variables: Sequence[Variable] | None) -> None:
    if len(shape) != 2:
        raise ShapeError(
            f"`{role}` must have two dimensions (rows, columns); got shape {shape}.",
            f"Reshape your data: `{role}.reshape(-1, 1)` or a one-column DataFrame for one "
            f"column, `{role}.reshape(1, -1)` for one row."
            if len(shape) < 2
            else f"Reshape your data: `{role}.reshape(len({role}), -1)` puts each example "
            "into one row.",
        )
    num_rows, num_columns = shape
    if num_columns == 0:
        raise ShapeError(
            f"`{role}` has 0 feature(s) (shape={shape}) while a minimum of 1 is required.",
            "Give at least one column.",
        )
    if num_rows == 0:
        raise ShapeError(
            f"`{role}` has 0 sample(s) (shape={shape}) while a minimum of 1 is required.",
            "Give at least one row.",
        )
    if variables is not None and num_columns != len(variables):
        raise ShapeError(
            f"`{role}` must have {len(variables)} columns ({listed(names_of(variables))}); "
            f"got {num_columns}.",
            "Give one column per variable, in this order, or a DataFrame with these names.",
        )


def _check_finite(matrix: Matrix, role: str) -> None:
    is_bad = ~np.isfinite(matrix.values)
    if not is_bad.any():
        return
    num_nan = int(np.isnan(matrix.values).sum())
    num_inf = int(is_bad.sum()) - num_nan
    raise NonFiniteError(
        f"`{role}` must be finite; it contains {num_nan} NaN and {num_inf} inf in "
        f"{int(is_bad.any(axis=1).sum())} of {len(is_bad)} rows: {_places(matrix, is_bad)}.",
        "Repair those rows or leave them out; rows are never dropped silently.",
    )


def _check_bounds(matrix: Matrix, role: str, variables: Sequence[Variable]) -> None:
    lower = np.array([variable.lower for variable in variables])
    upper = np.array([variable.upper for variable in variables])
    is_bad = (matrix.values < lower) | (matrix.values > upper)
    if not is_bad.any():
        return
    bounds = [
        f"`{variables[column].name}` in [{lower[column]:g}, {upper[column]:g}]"
        for column in np.flatnonzero(is_bad.any(axis=0)).tolist()
    ]
    raise OutOfBoundsError(
        f"`{role}` must lie within its bounds ({listed(bounds)}); {int(is_bad.sum())} values in "
        f"{int(is_bad.any(axis=1).sum())} of {len(is_bad)} rows do not: "
        f"{_places(matrix, is_bad)}.",
        "Correct those rows, or widen the bounds if the values are possible.",
    )


def _places(matrix: Matrix, is_bad: Bool[np.ndarray, "rows columns"], limit: int = 5) -> str:
    """The first marked entries: `row 3 (age = nan)`; rows counted from 0."""
    places = [
        f"row {row} ({matrix.name_of(column)} = {matrix.values[row, column]:g})"
        for row, column in np.argwhere(is_bad)[:limit].tolist()
    ]
    num_more = int(is_bad.sum()) - len(places)
    return ", ".join(places) + (f" and {num_more} more" if num_more else "")


def _bare_name(names: tuple[str, ...] | None, column: int) -> str:
    return names[column] if names is not None else str(column)


def _spoken_name(names: tuple[str, ...] | None, column: int) -> str:
    return names[column] if names is not None else f"column {column}"
