"""Whether a network compresses better than principal components do."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from retrodict.errors import ConfigurationError, ConstantColumnError, ShapeError
from retrodict.tables import as_matrix
from retrodict.variational.scale import Scale

_CLEAR = 2.0


@runtime_checkable
class Compressor(Protocol):
    """What turns rows into few numbers and back, such as `VariationalAutoencoder`."""

    latent_dim: int

    def transform(self, X: Any) -> Any:
        """Few numbers for each row."""

    def inverse_transform(self, Z: Any) -> Any:
        """The rows that they stand for."""


@dataclass(frozen=True)
class PCAComparison:
    """How much of held-out rows survives compression, by a network and by PCA of the same size.

        R^2 = 1 - sum (u - u')^2 / sum u^2,    u = (x - mean) / sd of the training rows,

    sums over held-out rows and all columns, so that every column counts alike.

    Attributes:
        num_dimensions: that both keep.
        num_rows: held out.
        r_squared: of the network.
        r_squared_of_pca: of principal components of the standardised training rows.
        standard_error: of the difference of the two, from its spread over rows.
        per_feature, per_feature_of_pca: R^2 of each column by itself; NaN where it is constant.
    """

    num_dimensions: int
    num_rows: int
    r_squared: float
    r_squared_of_pca: float
    standard_error: float
    per_feature: Float[np.ndarray, " dim"]
    per_feature_of_pca: Float[np.ndarray, " dim"]

    @property
    def gain(self) -> float:
        """R^2 of the network above that of PCA."""
        return self.r_squared - self.r_squared_of_pca

    @property
    def passed(self) -> bool:
        """Whether the network is better, by more than two standard errors."""
        return self.gain > _CLEAR * self.standard_error

    def __str__(self) -> str:
        what = f"{self.num_dimensions} number" + ("s" if self.num_dimensions > 1 else "")
        kept = (
            f"With {what} per row the network keeps {self.r_squared:.1%} of the variance of "
            f"{self.num_rows:,} held-out rows, PCA {self.r_squared_of_pca:.1%}"
        )
        if self.passed:
            return f"{kept}: the network is worth its trouble."
        if self.gain < -_CLEAR * self.standard_error:
            return f"{kept}: use PCA, more rows, or other settings of the network."
        return f"{kept}: there is no clear difference, so that PCA will do."

    def to_dict(self) -> dict[str, Any]:
        """The numbers as plain values, without those of single columns."""
        return {
            "num_dimensions": self.num_dimensions,
            "num_rows": self.num_rows,
            "r_squared": self.r_squared,
            "r_squared_of_pca": self.r_squared_of_pca,
            "standard_error": self.standard_error,
            "passed": self.passed,
        }


def compare_with_pca(
    estimator: Compressor,
    X_train: Any,
    X_test: Any,
    *,
    condition: Any = None,
    random_state: int = 0,
) -> PCAComparison:
    """Compare a fitted network with PCA of as many dimensions, on rows that neither has seen.

    Args:
        estimator: fitted to `X_train`; `Autoencoder`, `VariationalAutoencoder` or alike.
        X_train: rows to learn the principal components from.
        X_test: rows to be given back.
        condition: of the test rows, for a conditional network.
        random_state: seed of PCA's randomised solver, which it takes for large tables.

    Raises:
        NotFittedError: the estimator has not been fitted.
        DataError: NaN, text, other columns, one test row only, or nothing that varies.
        ConfigurationError: more dimensions than PCA can have.
    """
    from sklearn.decomposition import PCA

    train, test = as_matrix(X_train, "X_train").values, as_matrix(X_test, "X_test").values
    if train.shape[1] != test.shape[1]:
        raise ShapeError(
            f"`X_train` has {train.shape[1]} columns and `X_test` {test.shape[1]}.",
            "Take both from the same table.",
        )
    if len(test) < 2:
        raise ShapeError("A standard error takes two test rows; got one.", "Hold out more rows.")
    num = estimator.latent_dim
    if num > min(train.shape):
        raise ConfigurationError(
            f"PCA of {train.shape[0]} rows and {train.shape[1]} columns has at most "
            f"{min(train.shape)} dimensions; the network has {num}.",
            "Bring more rows.",
        )
    scale = Scale.fit(train, "standardise")
    if not (scale.width > 0).any():
        raise ConstantColumnError("Nothing in `X_train` varies.", "Check the table.")
    given = {} if condition is None else {"condition": condition}
    z = estimator.transform(X_test, **given)
    back = np.asarray(estimator.inverse_transform(z, **given), float)

    def standardised(x: Float[np.ndarray, "rows dim"]) -> Float[np.ndarray, "rows varying"]:
        return (x - scale.centre)[:, scale.width > 0] / scale.width[scale.width > 0]

    pca = PCA(num, random_state=random_state).fit(standardised(train))
    u = standardised(test)
    total = np.sum(u**2)
    if total == 0:
        raise ConstantColumnError(
            "Every test row is the mean of the training rows.", "Check the table."
        )
    errors = (u - standardised(back)) ** 2
    errors_of_pca = (u - pca.inverse_transform(pca.transform(u))) ** 2
    differences = (errors_of_pca - errors).sum(axis=1)
    return PCAComparison(
        num_dimensions=num,
        num_rows=len(test),
        r_squared=float(1 - errors.sum() / total),
        r_squared_of_pca=float(1 - errors_of_pca.sum() / total),
        standard_error=float(np.sqrt(len(test)) * differences.std(ddof=1) / total),
        per_feature=_per_feature(errors, u, scale),
        per_feature_of_pca=_per_feature(errors_of_pca, u, scale),
    )


def _per_feature(
    errors: Float[np.ndarray, "rows varying"], u: Float[np.ndarray, "rows varying"], scale: Scale
) -> Float[np.ndarray, " dim"]:
    """R^2 of each column about its own mean over the test rows."""
    spread = ((u - u.mean(axis=0)) ** 2).sum(axis=0)
    per_feature = np.full(len(scale.width), np.nan)
    ratio = np.divide(
        errors.sum(axis=0), spread, out=np.full_like(spread, np.nan), where=spread > 0
    )
    per_feature[scale.width > 0] = 1 - ratio
    return per_feature
