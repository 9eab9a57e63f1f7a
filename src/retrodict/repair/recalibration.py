"""The increasing map that spreads the scores of draws as widely as those of the truth."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from retrodict.errors import ConstantColumnError
from retrodict.repair.monotone import expected_quantiles, knot_probabilities, piecewise_linear

TAILS = ("separate", "together")


@dataclass(frozen=True)
class Recalibration:
    """Takes normal scores of probabilities to the quantiles of the true causes' scores there.

    A further draw of the posterior lies below the quantile of its draws at k / (draws + 1) with
    just this probability, so that the scores of a calibrated truth have the quantiles of the
    normal distribution, and the map is the identity up to their noise.

    Attributes:
        normal: normal scores of the probabilities.
        of_truth: quantiles of the true causes' scores, for each parameter.
    """

    normal: Float[np.ndarray, " knots"]
    of_truth: Float[np.ndarray, "knots dim"]

    def forward(
        self, score: Float[np.ndarray, "observations num dim"]
    ) -> Float[np.ndarray, "observations num dim"]:
        """Scores of draws to those of repaired draws."""
        return piecewise_linear(score, *self._knots)

    def inverse(
        self, score: Float[np.ndarray, "observations num dim"]
    ) -> Float[np.ndarray, "observations num dim"]:
        """Scores under repaired draws to those under the draws as they came."""
        normal, of_truth = self._knots
        return piecewise_linear(score, of_truth, normal)

    @property
    def _knots(self) -> tuple[Float[np.ndarray, "knots 1 1 1"], Float[np.ndarray, "knots 1 1 dim"]]:
        return self.normal[:, None, None, None], self.of_truth[:, None, None]


def fit_recalibration(
    of_truth: Float[np.ndarray, "observations dim"], num_draws: int, tails: str
) -> Recalibration:
    """The map from the scores of calibration observations.

    Args:
        of_truth: scores of the true causes.
        num_draws: of each observation; the knots of its scale are among those of the map.
        tails: "separate" moves and bends the scores as the truth asks for; "together" only
            stretches them, as much above the median as below.

    Raises:
        ConstantColumnError: true causes that have no spread among their draws.
    """
    from scipy.special import ndtri

    probabilities = knot_probabilities(min(len(of_truth), num_draws))
    if tails == "separate":
        target = expected_quantiles(of_truth, probabilities)
    else:
        outward = 2 * probabilities[len(probabilities) // 2 + 1 :] - 1
        half = expected_quantiles(np.abs(of_truth), outward)
        target = np.concatenate([-half[::-1], np.zeros_like(half[:1]), half])
    middle = len(target) // 2
    flat = np.flatnonzero((target[0] == target[middle]) | (target[-1] == target[middle]))
    if flat.size:
        raise ConstantColumnError(
            f"The true values of parameters {flat.tolist()} (counted from 0) lie at the same place "
            "among their draws in half of the calibration observations or more.",
            "Check that `truth` is what made the observations, not computed from the draws.",
        )
    return Recalibration(ndtri(probabilities), target)
