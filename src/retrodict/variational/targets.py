"""What a network is to predict: numbers in scaled units, classes as indicators."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from retrodict.errors import DataError, NonFiniteError, NotNumericError, ShapeError
from retrodict.tables import as_matrix
from retrodict.variational.scale import Scale
from retrodict.variational.tabular import like


@dataclass(frozen=True)
class NumberTargets:
    """Columns of numbers, each in units of its own spread.

    Attributes:
        centre, width: see `Scale`.
        names: of the columns; None where they had none.
        is_flat: whether y was a single column without a second axis.
    """

    centre: Float[np.ndarray, " targets"]
    width: Float[np.ndarray, " targets"]
    names: tuple[str, ...] | None
    is_flat: bool

    @classmethod
    def of(cls, y: Any, rows: np.ndarray) -> "NumberTargets":
        """Those of training.

        Raises:
            DataError: no numbers, or not one for each row.
        """
        values, names, is_flat = _numbers(y, rows)
        scale = Scale.fit(values, "standardise")
        return cls(scale.centre, scale.width, names, is_flat)

    @property
    def divisor(self) -> Float[np.ndarray, " targets"]:
        """The width, 1 for a constant column."""
        return np.where(self.width > 0, self.width, 1.0)

    def checked(self, y: Any, rows: np.ndarray) -> Float[np.ndarray, "rows targets"]:
        """y as columns, in its own units.

        Raises:
            DataError: no numbers, not one for each row, or another number of targets.
        """
        values, _, _ = _numbers(y, rows)
        if values.shape[1] != len(self.centre):
            raise ShapeError(
                f"`y` has {values.shape[1]} columns; there are {len(self.centre)} targets.",
                "Give the same columns as in `fit`.",
            )
        return values

    def scaled(self, y: Any) -> Float[np.ndarray, "rows targets"]:
        values, _, _ = _numbers(y, None)
        return (values - self.centre) / self.divisor

    def shaped(self, values: np.ndarray, axis: int = 1) -> np.ndarray:
        """Without the axis of targets where y had none."""
        return np.take(values, 0, axis=axis) if self.is_flat else values

    def like(self, values: Float[np.ndarray, "rows targets"], X: Any) -> Any:
        """A DataFrame where y was one, with the index of X if that is one too."""
        if self.names is None:
            return self.shaped(values)
        framed = like(X, values, self.names)
        if framed is values:
            import pandas as pd

            return pd.DataFrame(values, columns=list(self.names))
        return framed

    def to_state(self) -> dict[str, Any]:
        """JSON-able, for `from_state`."""
        return {
            "centre": self.centre.tolist(),
            "width": self.width.tolist(),
            "names": None if self.names is None else list(self.names),
            "is_flat": self.is_flat,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "NumberTargets":
        names = state["names"]
        return cls(
            np.array(state["centre"], float),
            np.array(state["width"], float),
            None if names is None else tuple(names),
            state["is_flat"],
        )


@dataclass(frozen=True)
class ClassTargets:
    """Labels, as one indicator per class.

    Attributes:
        classes: in ascending order.
    """

    classes: np.ndarray

    @classmethod
    def of(cls, y: Any) -> "ClassTargets":
        """Those of training.

        Raises:
            DataError: a single class.
        """
        classes = np.unique(_labels(y))
        if len(classes) < 2:
            raise DataError(
                f"A classifier needs at least 2 classes; got only 1 class, "
                f"{classes.tolist()[0]!r}.",
                "Bring rows of the others, or use a density to tell what is unlike it.",
            )
        return cls(classes)

    def indicators(self, y: Any, rows: np.ndarray) -> Float[np.ndarray, "rows classes"]:
        """1 in the column of the label of each row, else 0.

        Raises:
            DataError: labels that training had not, or not one for each row.
        """
        labels = _labels(y)
        _require_rows(len(labels), len(rows))
        unknown = ~np.isin(labels, self.classes)
        if unknown.any():
            raise DataError(
                f"`y` has {unknown.sum():,} labels that training had not, the first in row "
                f"{np.flatnonzero(unknown)[0]}: {labels[unknown].tolist()[0]!r}.",
                f"The classes are {', '.join(map(str, self.classes[:10]))}.",
            )
        return (labels[:, None] == self.classes).astype(float)

    def to_state(self) -> dict[str, Any]:
        """JSON-able, for `from_state`."""
        return {"classes": self.classes.tolist(), "dtype": self.classes.dtype.str}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "ClassTargets":
        return cls(np.array(state["classes"], dtype=np.dtype(state["dtype"])))


def _numbers(
    y: Any, rows: np.ndarray | None
) -> tuple[Float[np.ndarray, "rows targets"], tuple[str, ...] | None, bool]:
    """y as columns, their names where it was a DataFrame, and whether it was a single list."""
    import pandas as pd

    if y is None:
        raise DataError("requires y to be passed, but the target y is None.", "Call `fit(X, y)`.")
    is_frame = isinstance(y, pd.DataFrame)
    given = y if is_frame or isinstance(y, pd.Series) else _as_floats(y)
    is_flat = not is_frame and given.ndim == 1
    matrix = as_matrix(given[:, None] if isinstance(given, np.ndarray) and is_flat else given, "y")
    if rows is not None:
        _require_rows(len(matrix.values), len(rows))
    return matrix.values, matrix.names if is_frame else None, is_flat


def _as_floats(y: Any) -> np.ndarray:
    given = np.asarray(y)
    if given.dtype != object:
        return given
    try:
        return given.astype(float)
    except (TypeError, ValueError) as error:
        raise NotNumericError(
            f"Unknown label type: `y` holds what is no number ({error}).",
            "Convert it to numbers, or use a classifier.",
        ) from error


def _labels(y: Any) -> np.ndarray:
    if y is None:
        raise DataError("requires y to be passed, but the target y is None.", "Call `fit(X, y)`.")
    labels = np.asarray(column_or_1d(y, warn=True))
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise NonFiniteError(
            f"`y` has {(~np.isfinite(labels)).sum():,} labels that are NaN or inf.",
            "Leave those rows out.",
        )
    check_classification_targets(labels)
    return labels.astype(str) if labels.dtype == object else labels


def _require_rows(found: int, expected: int) -> None:
    if found != expected:
        raise ShapeError(
            f"`y` has {found:,} rows; X has {expected:,}.", "Give one target for each row."
        )
