"""Which columns each latent number moves, and which way."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from retrodict.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

    from retrodict.variational.pca_comparison import Compressor

_STEP = 0.1


@dataclass(frozen=True)
class FeatureInfluence:
    """The decoder's mean derivative at typical rows.

    Attributes:
        influence: change of each column, in its own units, when a latent number rises by one of
            its standard deviations over the rows.
        same_sign: share of the rows at which the derivative has the sign of its mean.
        feature_names: of the columns.
    """

    influence: Float[np.ndarray, "latent dim"]
    same_sign: Float[np.ndarray, "latent dim"]
    feature_names: tuple[str, ...]

    def strongest(self, latent: int, num: int = 10) -> Int[np.ndarray, " num"]:
        """The columns that a latent number moves most, either way, strongest first."""
        return np.argsort(-np.abs(self.influence[latent]), kind="stable")[:num]

    def to_dataframe(self, num: int = 10) -> "pandas.DataFrame":
        """The `num` most influenced columns of each latent number, counted from 1."""
        import pandas as pd

        rows = [
            {
                "latent": latent + 1,
                "feature": self.feature_names[column],
                "influence": float(self.influence[latent, column]),
                "same_sign": float(self.same_sign[latent, column]),
            }
            for latent in range(len(self.influence))
            for column in self.strongest(latent, num).tolist()
        ]
        return pd.DataFrame(rows)

    def __str__(self) -> str:
        latent, column = np.unravel_index(
            int(np.abs(self.influence).argmax()), self.influence.shape
        )
        change = self.influence[latent, column]
        return (
            f"The strongest influence is that of latent number {latent + 1} on "
            f"`{self.feature_names[column]}`, which changes by {change:+.2g} per standard "
            "deviation of it."
        )


def feature_influence(
    estimator: "Compressor", X: Any, *, condition: Any = None, num_rows: int = 100
) -> FeatureInfluence:
    """How the mean row changes with each latent number, at typical rows.

    By central differences of `inverse_transform` over a tenth of a standard deviation to each
    side, at the latent numbers of the rows. The sign of a latent number has no meaning by itself:
    another run may have it the other way round, and all its influences with it.

    Args:
        estimator: fitted, such as `VariationalAutoencoder`.
        X: rows that are typical, e.g. those of training.
        condition: of the rows, for a conditional network.
        num_rows: at how many of them, evenly spaced, the derivative is taken.

    Raises:
        NotFittedError: the estimator has not been fitted.
        DataError: NaN, text, other columns than in `fit`.
        ConfigurationError: fewer than 2 rows.
    """
    given = {} if condition is None else {"condition": condition}
    z = np.asarray(estimator.transform(X, **given), float)
    if min(num_rows, len(z)) < 2:
        raise ConfigurationError(
            f"Typical rows are at least 2; got {min(num_rows, len(z))}.", "Give more rows."
        )
    sds = z.std(axis=0)
    places = np.unique(np.linspace(0, len(z) - 1, min(num_rows, len(z))).astype(int))
    if condition is not None:
        given["condition"] = condition.iloc[places] if hasattr(condition, "iloc") else (
            np.asarray(condition)[places]
        )  # fmt: skip
    columns, signs = [], []
    for latent, sd in enumerate(sds):
        shift = np.zeros(len(sds))
        shift[latent] = _STEP * sd
        above, below = (
            np.asarray(estimator.inverse_transform(z[places] + side * shift, **given), float)
            for side in (1, -1)
        )
        derivative = (above - below) / (2 * _STEP)
        mean = derivative.mean(axis=0)
        columns.append(mean)
        signs.append((np.sign(derivative) == np.sign(mean)).mean(axis=0))
    names = getattr(estimator, "feature_names_in_", None)
    dim = len(columns[0])
    return FeatureInfluence(
        np.stack(columns),
        np.stack(signs),
        tuple(f"x{i}" for i in range(dim)) if names is None else tuple(map(str, names)),
    )
