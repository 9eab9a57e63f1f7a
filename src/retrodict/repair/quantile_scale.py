"""Each posterior's own quantiles as the scale on which a value of its parameter is read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from retrodict.errors import ConstantColumnError
from retrodict.repair.monotone import expected_quantiles, piecewise_linear, quantiles_of_present
from retrodict.repair.real_line import RealLine


@dataclass(frozen=True)
class QuantileScale:
    """Values of a parameter as normal scores under the draws of their observation, and back.

    The score of a value is 0 at the median of the draws, -1.28 at their 10 % quantile, and so
    on; between quantiles it is linear. Beyond the outermost it is the distance from the median
    in units of that quantile's, so that it tells how far outside of all draws a value lies.

    Attributes:
        knots: normal scores of the quantiles.
        quantiles: of the draws of each observation, on the real line.
        line: of the parameters' bounds.
    """

    knots: Float[np.ndarray, " knots"]
    quantiles: Float[np.ndarray, "knots observations dim"]
    line: RealLine

    def score(
        self, x: Float[np.ndarray, "observations num dim"]
    ) -> Float[np.ndarray, "observations num dim"]:
        """The score of each value, within its bounds, under its observation."""
        return piecewise_linear(self.line.forward(x), self.quantiles[:, :, None], self._column)

    def value(
        self, score: Float[np.ndarray, "observations num dim"]
    ) -> Float[np.ndarray, "observations num dim"]:
        """The value that has the score: the inverse of `score`."""
        return self.line.inverse(piecewise_linear(score, self._column, self.quantiles[:, :, None]))

    @property
    def _column(self) -> Float[np.ndarray, "knots 1 1 1"]:
        return self.knots.reshape(-1, 1, 1, 1)


def quantile_scale(
    draws: Float[np.ndarray, "observations draws dim"],
    probabilities: Float[np.ndarray, " knots"],
    line: RealLine,
    names: Sequence[str],
) -> QuantileScale:
    """The scale that the draws of each observation make.

    Draws that are NaN do not count; where fewer than 16 are left, the scale is NaN.

    Raises:
        ConstantColumnError: draws so equal to each other that they have no width.
    """
    from scipy.special import ndtri

    real = line.forward(draws)
    quantiles = expected_quantiles(np.moveaxis(real, 1, 0), probabilities)
    row, column = np.nonzero(np.isnan(quantiles[0]))
    if row.size:
        quantiles[:, row, column] = quantiles_of_present(real[row, :, column].T, probabilities)
    middle = quantiles[len(quantiles) // 2]
    flat = (quantiles[0] == middle) | (quantiles[-1] == middle)
    if flat.any():
        i = int(np.flatnonzero(flat.any(axis=0))[0])
        rows = np.flatnonzero(flat[:, i])
        raise ConstantColumnError(
            f"The draws of `{names[i]}` have no width in {len(rows)} of {len(draws)} observations: "
            f"half of them or more are equal; first in row {rows[0]}.",
            "Pass draws from a posterior, not its mean or mode; parameters with few distinct "
            "values cannot be repaired.",
        )
    return QuantileScale(ndtri(probabilities), quantiles, line)
