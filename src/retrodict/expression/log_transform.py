"""The logarithm of expression, which spans decades."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import OneToOneFeatureMixin, TransformerMixin

from retrodict.errors import ConfigurationError
from retrodict.expression.columns import ExpressionTransformer
from retrodict.tables import as_matrix


class LogTransform(OneToOneFeatureMixin, TransformerMixin, ExpressionTransformer):
    """y = log2(x + pseudocount).

    With the pseudocount 1 what is not expressed stays 0. A DataFrame in gives a DataFrame out.

    Args:
        pseudocount: added before the logarithm, in the unit of x.
    """

    def __init__(self, pseudocount: float = 1.0) -> None:
        self.pseudocount = pseudocount

    def fit(self, X: Any, y: Any = None) -> "LogTransform":
        """Remembers the columns of X.

        Raises:
            DataError: NaN, text, negative values.
            ConfigurationError: a pseudocount that is not positive.
        """
        del y
        if not self.pseudocount > 0:
            raise ConfigurationError(
                f"`pseudocount` is positive; got {self.pseudocount!r}.", "Use 1."
            )
        self._checked(X, reset=True)
        return self

    def transform(self, X: Any) -> Any:
        """The logarithms.

        Raises:
            NotFittedError: before `fit`.
            DataError: NaN, text, negative values, other columns.
        """
        values = np.log2(self._checked(X, reset=False) + self.pseudocount)
        return _like(X, values)

    def inverse_transform(self, Y: Any) -> Any:
        """x = 2^y - pseudocount, at least 0.

        Raises:
            NotFittedError: before `fit`.
            DataError: NaN or text.
        """
        self._require_fitted()
        values = np.exp2(as_matrix(Y, "Y").values) - self.pseudocount
        return _like(Y, np.maximum(values, 0.0))


def _like(given: Any, values: np.ndarray) -> Any:
    if isinstance(given, pd.DataFrame):
        return pd.DataFrame(values, index=given.index, columns=given.columns)
    return values
