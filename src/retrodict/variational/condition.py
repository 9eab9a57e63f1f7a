"""What rows are conditioned on, as the numbers that a network sees."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from scipy.sparse import issparse

from retrodict.errors import (
    ConditionError,
    ConstantColumnError,
    DataError,
    NonFiniteError,
    NotNumericError,
    ShapeError,
)
from retrodict.tables.columns import require_columns
from retrodict.tables.names import listed
from retrodict.tables.numeric import numeric_column
from retrodict.variational.tabular import dense

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

Category = str | bool | int | float


@dataclass(frozen=True)
class ConditionColumn:
    """One column: (value - mean) / sd, or one indicator per category.

    Attributes:
        name: in messages, and of the column that a table is asked for.
        categories: those seen in training, in order; None for numbers.
        mean, sd: of the numbers in training; 0 and 1 for categories.
    """

    name: str
    categories: tuple[Category, ...] | None = None
    mean: float = 0.0
    sd: float = 1.0

    @classmethod
    def fit(cls, name: str, column: "pandas.Series") -> "ConditionColumn":
        """That of training rows.

        Raises:
            NonFiniteError: missing values.
            ConstantColumnError: one value only.
            NotNumericError: dates, or objects that are no categories.
        """
        column = _checked(name, column)
        if not _has_categories(column):
            values = _numbers(name, column)
            # What varies by rounding alone is constant.
            if values.std() <= 1e-12 * np.abs(values).max():
                raise _constant(name, float(values[0]))
            return cls(name, None, float(values.mean()), float(values.std()))
        categories = _categories(name, column)
        if len(categories) == 1:
            raise _constant(name, categories[0])
        return cls(name, categories)

    @property
    def size(self) -> int:
        """How many numbers stand for a value."""
        return 1 if self.categories is None else len(self.categories)

    def encode(self, column: "pandas.Series") -> Float[np.ndarray, "rows size"]:
        """The numbers of each row.

        Raises:
            ConditionError: a category that training had not.
            NonFiniteError, NotNumericError: as in `fit`.
        """
        import pandas as pd

        column = _checked(self.name, column)
        if self.categories is None:
            return ((_numbers(self.name, column) - self.mean) / self.sd)[:, None]
        known = pd.Index(list(self.categories), dtype=object)
        positions = known.get_indexer(pd.Index(column.to_numpy(dtype=object), dtype=object))
        if (positions < 0).any():
            row = int(np.argmax(positions < 0))
            raise ConditionError(
                f"Training had no {column.iloc[row]!r} in the condition `{self.name}`; "
                f"{(positions < 0).sum():,} rows have a category that it had not, the first is "
                f"row {row}.",
                f"It had {listed([repr(category) for category in self.categories], limit=20)}.",
            )
        return np.eye(len(known))[positions]


@dataclass(frozen=True)
class Condition:
    """How a table of conditions becomes numbers: learned from the rows of training.

    Numeric columns are standardised; columns of texts, booleans and categories become one
    indicator per category.

    Attributes:
        columns: one by one.
        has_names: whether columns had names in training, by which tables are read.
    """

    columns: tuple[ConditionColumn, ...]
    has_names: bool

    @classmethod
    def fit(cls, data: Any, X: Any) -> "Condition":
        """That of training rows.

        Args:
            data: one row per row of X.
            X: rows that it belongs to.

        Raises:
            ShapeError: not one row per row of X.
            DataError: missing values, constant or repeated columns, dates.
        """
        frame, has_names = _as_frame(data, None)
        _require_rows(frame, data, X)
        names = [str(name) if has_names else f"column {i}" for i, name in enumerate(frame.columns)]
        if len(set(names)) < len(names):
            raise DataError(
                f"Columns of the condition have distinct names; got {listed(names)}.",
                "Rename or drop the repeated columns.",
            )
        columns = [
            ConditionColumn.fit(name, frame.iloc[:, i].infer_objects())
            for i, name in enumerate(names)
        ]
        return cls(tuple(columns), has_names)

    @property
    def names(self) -> list[str]:
        """Of the columns."""
        return [column.name for column in self.columns]

    @property
    def size(self) -> int:
        """How many numbers stand for a row."""
        return sum(column.size for column in self.columns)

    def of_rows(self, data: Any, X: Any) -> Float[np.ndarray, "rows size"]:
        """The numbers of a table with one row per row of X, in single precision.

        Raises:
            ShapeError: another number of rows or columns.
            ColumnNotFoundError: a column that training had.
            ConditionError: a category that training had not.
            DataError: missing values, text among numbers.
        """
        frame = self._selected(data)
        _require_rows(frame, data, X)
        return self._encoded(frame)

    def repeated(self, data: Any, num_rows: int) -> Float[np.ndarray, "rows size"]:
        """The numbers of one row for all `num_rows` rows, or of one row for each.

        Raises:
            ShapeError: another number of rows or columns.
            ColumnNotFoundError, ConditionError, DataError: as in `of_rows`.
        """
        frame = self._selected(data)
        if len(frame) not in (1, num_rows):
            raise ShapeError(
                f"A condition has one row for all, or one for each of {num_rows} rows; got "
                f"{len(frame)}.",
                "Give e.g. a dict from names to values: one row for all.",
            )
        encoded = self._encoded(frame)
        return np.repeat(encoded, num_rows, axis=0) if len(frame) == 1 else encoded

    def to_state(self) -> dict[str, Any]:
        """Plain values, enough for `from_state`."""
        columns = [
            {
                "name": column.name,
                "categories": None if column.categories is None else list(column.categories),
                "mean": column.mean,
                "sd": column.sd,
            }
            for column in self.columns
        ]
        return {"columns": columns, "has_names": self.has_names}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Condition":
        """The condition that `to_state` described."""
        columns = [
            ConditionColumn(
                column["name"],
                None if column["categories"] is None else tuple(column["categories"]),
                column["mean"],
                column["sd"],
            )
            for column in state["columns"]
        ]
        return cls(tuple(columns), state["has_names"])

    def _encoded(self, frame: "pandas.DataFrame") -> Float[np.ndarray, "rows size"]:
        parts = [column.encode(frame.iloc[:, i]) for i, column in enumerate(self.columns)]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def _selected(self, data: Any) -> "pandas.DataFrame":
        """The columns of training, by name where both sides have names."""
        frame, is_named = _as_frame(data, len(self.columns))
        if is_named and self.has_names:
            frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
            require_columns(self.names, list(frame.columns), "The condition")
            return frame[self.names]
        if frame.shape[1] != len(self.columns):
            raise ShapeError(
                f"The condition of training had {len(self.columns)} columns "
                f"({listed(self.names)}); got {frame.shape[1]}.",
                "Give the same columns in the same order, or a DataFrame with their names.",
            )
        return frame


def _as_frame(data: Any, num_columns: int | None) -> "tuple[pandas.DataFrame, bool]":
    """Whatever was given as a table, and whether its columns have names.

    Args:
        data: a table; one column; one row, as a dict, a single value or, where there are
            several columns, that many values.
        num_columns: of training; None in training.
    """
    import pandas as pd

    if isinstance(data, Mapping):
        is_row = all(np.ndim(value) == 0 for value in data.values())
        return pd.DataFrame([data] if is_row else dict(data)), True
    if isinstance(data, pd.DataFrame):
        return data, any(isinstance(name, str) for name in data.columns)
    several = num_columns is not None and num_columns > 1
    if isinstance(data, pd.Series):
        if several:
            return data.to_frame().T.infer_objects(), True
        # One column is known without a name, too: what it is called later does not matter.
        return data.to_frame(), num_columns is None and data.name is not None
    values = dense(data) if issparse(data) else data
    # An array of texts and numbers together would be one of texts.
    values = list(values) if isinstance(values, list | tuple) else np.asarray(values)
    num_axes = (
        values.ndim if isinstance(values, np.ndarray) else np.asarray(values, dtype=object).ndim
    )
    if num_axes > 2:
        raise ShapeError(
            f"A condition has two dimensions (rows, columns); got {num_axes}.",
            "Give one row of values per row of X.",
        )
    if num_axes == 0:
        values = np.reshape(values, 1)
    elif num_axes == 1 and several:
        values = [list(values)]
    return pd.DataFrame(values).infer_objects(), False


def _require_rows(frame: "pandas.DataFrame", data: Any, X: Any) -> None:
    """Raises a `ShapeError` unless row i of the condition belongs to row i of X."""
    import pandas as pd

    num_rows = X.shape[0] if hasattr(X, "shape") else len(X)
    if len(frame) != num_rows:
        raise ShapeError(
            f"A condition has one row per row of X, {num_rows}; got {len(frame)}.",
            "Select the rows of both alike.",
        )
    if frame.shape[1] == 0:
        raise ShapeError("A condition has at least one column; got none.", "Leave it out.")
    if not isinstance(X, pd.DataFrame) or not isinstance(data, pd.DataFrame | pd.Series):
        return
    ours, theirs = X.index, data.index
    if ours.is_unique and len(ours.intersection(theirs)) == num_rows and not ours.equals(theirs):
        raise ShapeError(
            "The rows of X and of the condition have the same names in another order.",
            "Give `condition.loc[X.index]`; or, if row i does belong to row i, "
            "`condition.set_axis(X.index)`.",
        )


def _has_categories(column: "pandas.Series") -> bool:
    import pandas as pd

    dtype: Any = column.dtype
    return (
        isinstance(dtype, pd.CategoricalDtype)
        or pd.api.types.is_bool_dtype(dtype)
        or pd.api.types.is_object_dtype(dtype)
        or pd.api.types.is_string_dtype(dtype)
    )


def _checked(name: str, column: "pandas.Series") -> "pandas.Series":
    """The column, without anything missing."""
    column = column.infer_objects()
    is_missing = column.isna().to_numpy(dtype=bool)
    if is_missing.any():
        rows = np.flatnonzero(is_missing)
        raise NonFiniteError(
            f"The condition `{name}` has {len(rows)} missing values (NaN); rows counted from 0: "
            f"{listed([str(row) for row in rows], limit=5)}.",
            "Leave those rows out, or make a category of them.",
        )
    return column


def _numbers(name: str, column: "pandas.Series") -> Float[np.ndarray, " rows"]:
    values = numeric_column(column, name)
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values)))
        raise NonFiniteError(
            f"The condition `{name}` has infinite values, the first in row {row}.",
            "Leave those rows out.",
        )
    return values


def _categories(name: str, column: "pandas.Series") -> tuple[Category, ...]:
    """Sorted; of those that a categorical column allows, the ones that occur."""
    found = [
        value.item() if isinstance(value, np.generic) else value
        for value in column.drop_duplicates().to_numpy(dtype=object)
    ]
    wrong = [value for value in found if not isinstance(value, str | bool | int | float)]
    if wrong:
        raise NotNumericError(
            f"The condition `{name}` holds texts, booleans or numbers; got "
            f"{type(wrong[0]).__name__}.",
            "Convert it with `.astype(str)`, or to a number.",
        )
    return tuple(sorted(found, key=lambda value: (isinstance(value, str), value)))


def _constant(name: str, value: Any) -> ConstantColumnError:
    return ConstantColumnError(
        f"The condition `{name}` is {value!r} in every row: it tells nothing.",
        "Leave the column out.",
    )
