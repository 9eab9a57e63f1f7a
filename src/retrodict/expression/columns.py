"""What the transformers of expression have in common: checked numbers in, the same kind out."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import validate_data

from retrodict.errors import NotFittedError, OutOfBoundsError
from retrodict.expression.numbers import require_expression
from retrodict.tables import as_matrix


class ExpressionTransformer(BaseEstimator):
    """Takes what is finite and not negative, as arrays, sparse matrices or DataFrames."""

    n_features_in_: int

    def _checked(self, X: Any, *, reset: bool) -> Float[np.ndarray, "samples genes"]:
        """X as numbers, with the columns of training unless `reset`."""
        if not reset:
            self._require_fitted()
        given = X
        to_dense = getattr(X, "toarray", None)
        if to_dense is not None and issparse(X):
            given = to_dense()
        elif isinstance(X, np.ndarray) and X.dtype == object:
            given = X.astype(float)
        elif isinstance(X, pd.DataFrame) and X.shape[1] and _is_real(X):
            # All genes at once: column by column, twenty thousand take long.
            require_expression(X, "X")
            given = X.to_numpy(dtype=float)
        values = as_matrix(given, "X").values
        validate_data(self, X=X, reset=reset, skip_check_array=True)
        if (values < 0).any():
            row, column = np.argwhere(values < 0)[0]
            raise OutOfBoundsError(
                f"Negative values in data passed to {type(self).__name__}: {(values < 0).sum():,} "
                f"of them, the first in row {row}, column {column}: {values[row, column]:g}.",
                "Expression is not negative: give it before any centring or scaling.",
            )
        return values

    def _require_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                f"This {type(self).__name__} has not learned anything yet.", "Call `fit(X)` first."
            )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        return tags


def _is_real(frame: pd.DataFrame) -> bool:
    return all(isinstance(dtype, np.dtype) and dtype.kind in "biuf" for dtype in set(frame.dtypes))
