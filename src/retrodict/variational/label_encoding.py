"""What latent numbers are to tell besides the rows: classes or numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from sklearn.utils.validation import column_or_1d

from retrodict.errors import (
    ConstantColumnError,
    DataError,
    NonFiniteError,
    NotNumericError,
    ShapeError,
)
from retrodict.variational.heads import ClassHead, NumberHead


@dataclass(frozen=True)
class LabelEncoding:
    """How labels become what a head is trained on: learned from those of training.

    Floats are numbers; whole numbers, texts, booleans and categories are classes.

    Attributes:
        classes: in order; None for numbers.
        mean, sd: of the numbers.
    """

    classes: tuple[Any, ...] | None = None
    mean: float = 0.0
    sd: float = 1.0

    @classmethod
    def fit(
        cls, y: Any, num_rows: int
    ) -> "tuple[LabelEncoding, Int[np.ndarray, ' rows'] | Float[np.ndarray, ' rows']]":
        """That of training labels, and the labels in it: positions of classes, or scaled numbers.

        Args:
            y: one label per row.
            num_rows: of X.

        Raises:
            ShapeError: not one label per row.
            NonFiniteError: missing or infinite labels.
            ConstantColumnError: a single class, or one number throughout.
            NotNumericError: labels that are neither numbers nor names.
        """
        import pandas as pd

        if y is None:
            raise DataError(
                "A supervised fit requires y to be passed, but the target y is None.",
                "Give one label per row, or use supervised_weight=0.",
            )
        labels = pd.Series(column_or_1d(y)).infer_objects()
        if len(labels) != num_rows:
            raise ShapeError(
                f"`y` has one label per row of X, {num_rows}; got {len(labels)}.",
                "Select the rows of both alike.",
            )
        is_number = pd.api.types.is_float_dtype(labels.dtype)
        is_missing = labels.isna().to_numpy(dtype=bool)
        if is_number:
            is_missing = ~np.isfinite(labels.to_numpy(dtype=float, na_value=np.nan))
        if is_missing.any():
            raise NonFiniteError(
                f"`y` has {is_missing.sum()} missing or infinite labels (NaN, inf), the first in "
                f"row {int(np.argmax(is_missing))}.",
                "Leave those rows out.",
            )
        if is_number:
            return cls._of_numbers(labels.to_numpy(dtype=float))
        codes, found = pd.factorize(labels, sort=True)
        classes = tuple(value.item() if isinstance(value, np.generic) else value for value in found)
        wrong = [value for value in classes if not isinstance(value, str | bool | int | float)]
        if wrong:
            raise NotNumericError(
                f"Labels are numbers, texts or booleans; got {type(wrong[0]).__name__}.",
                "Convert them with `.astype(str)`, or to numbers.",
            )
        if len(classes) == 1:
            raise ConstantColumnError(
                f"`y` has a single class, {classes[0]!r}: there is nothing to tell apart.",
                "Give labels of at least two classes, or use supervised_weight=0.",
            )
        return cls(classes), np.asarray(codes, np.int32)

    @classmethod
    def _of_numbers(
        cls, values: Float[np.ndarray, " rows"]
    ) -> "tuple[LabelEncoding, Float[np.ndarray, ' rows']]":
        mean, sd = float(values.mean()), float(values.std())
        if sd <= 1e-12 * np.abs(values).max():
            raise ConstantColumnError(
                f"`y` is {values[0]:g} in every row: there is nothing to tell.",
                "Give labels that differ, or use supervised_weight=0.",
            )
        return cls(None, mean, sd), ((values - mean) / sd).astype(np.float32)

    def head(self, latent_dim: int) -> ClassHead | NumberHead:
        """A new head for such labels."""
        if self.classes is None:
            return NumberHead(latent_dim)
        return ClassHead(len(self.classes), latent_dim)

    def to_state(self) -> dict[str, Any]:
        """Plain values, enough for `from_state`."""
        classes = None if self.classes is None else list(self.classes)
        return {"classes": classes, "mean": self.mean, "sd": self.sd}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "LabelEncoding":
        """The encoding that `to_state` described."""
        classes = state["classes"]
        return cls(None if classes is None else tuple(classes), state["mean"], state["sd"])
