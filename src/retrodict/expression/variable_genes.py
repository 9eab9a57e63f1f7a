"""The genes that vary more than others of the same expression."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_matrix, issparse
from sklearn.base import TransformerMixin

from retrodict.errors import ConfigurationError
from retrodict.expression.columns import ExpressionTransformer
from retrodict.expression.table import ExpressionTable

# Zheng et al. 2017: bins end at every twentieth of the distribution of means, from a tenth on.
_PERCENTILES = np.arange(10, 105, 5)
_FEWEST_IN_A_BIN = 10
# Of a normal distribution, the median absolute deviation in standard deviations.
_MAD = 0.6744897501960817


class VariableGenes(TransformerMixin, ExpressionTransformer):
    """Keeps the columns with the largest normalised dispersion.

        z = (d - median d) / MAD d,    d = variance / mean,

    medians and MADs (over .6745) over genes of similar mean, in bins that end at its quantiles
    (Zheng et al. 2017, doi:10.1038/ncomms14049; scanpy's flavour "cell_ranger"). X holds
    logarithms, see `LogTransform`. Bins are wider where there are too few genes to fill them.

    A scikit-learn transformer; a DataFrame in gives a DataFrame out, columns in their order.

    Args:
        num_genes: to be kept; all where there are fewer.

    Attributes:
        normalised_dispersion_: z of each column.
        n_features_in_, feature_names_in_: columns of X, and their names where there are any.
    """

    normalised_dispersion_: Float[np.ndarray, " genes"]

    def __init__(self, num_genes: int = 2000) -> None:
        self.num_genes = num_genes

    def fit(self, X: Any, y: Any = None) -> "VariableGenes":
        """Finds the genes.

        Raises:
            DataError: NaN, text, negative values.
            ConfigurationError: no gene is to be kept.
        """
        del y
        if self.num_genes < 1:
            raise ConfigurationError(
                f"At least one gene is kept; got num_genes={self.num_genes}.", "Use 2000."
            )
        values = self._checked(X, reset=True)
        self.normalised_dispersion_ = normalised_dispersion(values)
        return self

    def transform(self, X: Any) -> Any:
        """The kept columns.

        Raises:
            NotFittedError: before `fit`.
            DataError: NaN, text, negative values, other columns.
        """
        values = self._checked(X, reset=False)
        kept = self.get_support(indices=True)
        if isinstance(X, pd.DataFrame):
            return X.iloc[:, kept]
        return csr_matrix(values[:, kept]) if issparse(X) else values[:, kept]

    def get_support(
        self, indices: bool = False
    ) -> Bool[np.ndarray, " genes"] | Int[np.ndarray, " kept"]:
        """Which columns are kept, as scikit-learn's selectors say it.

        Raises:
            NotFittedError: before `fit`.
        """
        self._require_fitted()
        # Stable, so that the same table gives the same genes where some are equal.
        order = np.argsort(-self.normalised_dispersion_, kind="stable")
        mask = np.zeros(self.n_features_in_, dtype=bool)
        mask[order[: self.num_genes]] = True
        return np.flatnonzero(mask) if indices else mask

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the kept columns.

        Raises:
            NotFittedError: before `fit`.
        """
        from sklearn.utils.validation import _check_feature_names_in

        return np.asarray(_check_feature_names_in(self, input_features))[self.get_support()]


def normalised_dispersion(
    values: Float[np.ndarray, "samples genes"],
) -> Float[np.ndarray, " genes"]:
    """z of each column of logarithms, see `VariableGenes`.

    Where half the genes of a bin have the same dispersion, so that its MAD is 0, its standard
    deviation stands in; a bin of equal genes has z = 0.
    """
    mean = values.mean(axis=0)
    variance = values.var(axis=0, ddof=1) if len(values) > 1 else np.zeros_like(mean)
    dispersion = np.divide(variance, mean, out=np.zeros_like(mean), where=mean > 0)
    most_bins = max(1, len(mean) // _FEWEST_IN_A_BIN)
    every = int(np.ceil(len(_PERCENTILES) / most_bins))
    edges = np.percentile(mean, _PERCENTILES[::-1][::every][::-1])
    bins = np.searchsorted(edges, mean)
    z = np.zeros_like(dispersion)
    for one in np.unique(bins):
        inside = bins == one
        deviation = dispersion[inside] - np.median(dispersion[inside])
        spread = np.median(np.abs(deviation)) / _MAD or deviation.std()
        z[inside] = deviation / spread if spread > 0 else 0.0
    return z


def select_variable_genes(table: ExpressionTable, num_genes: int = 2000) -> ExpressionTable:
    """The table with its most variable genes only, see `VariableGenes`.

    Args:
        table: of expression, not of logarithms: log2(x + 1) is taken to choose by.
        num_genes: to be kept; all where there are fewer.

    Raises:
        ConfigurationError: no gene is to be kept.
    """
    chosen = VariableGenes(num_genes).fit(np.log2(table.values.to_numpy(dtype=float) + 1))
    return replace(table, values=table.values.iloc[:, chosen.get_support(indices=True)])
