"""The increasing map that spreads the scores of draws as widely as those of the truth."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from retrodict.errors import ConstantColumnError
from retrodict.repair.monotone import expected_quantiles, knot_probabilities, piecewise_linear

_NUM_FOLDS = 5
_FEWEST_SCORES = 7  # which tell their quartiles
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
        of_truth: scores of the true causes; NaN does not count, and fewer than 7 others move
            nothing.
        num_draws: of each observation; the knots of its scale are among those of the map.
        tails: "separate" moves and bends the scores as the truth asks for; "together" only
            stretches them, as much above the median as below.

    Raises:
        ConstantColumnError: true causes that have no spread among their draws.
    """
    from scipy.special import ndtri

    probabilities = knot_probabilities(min(len(of_truth), num_draws))
    target = np.stack([_target(column, probabilities, tails) for column in of_truth.T], axis=1)
    middle = len(target) // 2
    flat = np.flatnonzero((target[0] == target[middle]) | (target[-1] == target[middle]))
    if flat.size:
        raise ConstantColumnError(
            f"The true values of parameters {flat.tolist()} (counted from 0) lie at the same place "
            "among their draws in half of the calibration observations or more.",
            "Check that `truth` is what made the observations, not computed from the draws.",
        )
    return Recalibration(ndtri(probabilities), target)


def held_out_scores(
    of_truth: Float[np.ndarray, "observations dim"],
    groups: Iterable[Int[np.ndarray, " _"]],
    num_draws: int,
    tails: str,
    rng: np.random.Generator,
) -> Float[np.ndarray, "observations dim"]:
    """Scores of the truth under draws as they came, were those repaired by other folds.

    Args:
        of_truth: scores of the true causes; NaN stays NaN.
        groups: rows that are repaired together.
        num_draws: of each observation.
        tails: as in `fit_recalibration`.
        rng: makes the folds.
    """
    found = np.empty_like(of_truth)
    for rows in groups:
        fold = rng.permutation(len(rows)) % _NUM_FOLDS
        for i in range(_NUM_FOLDS):
            others, held_out = rows[fold != i], rows[fold == i]
            recalibration = fit_recalibration(of_truth[others], num_draws, tails)
            found[held_out] = recalibration.inverse(of_truth[held_out][:, None])[:, 0]
    return found


def _target(
    of_truth: Float[np.ndarray, " observations"],
    probabilities: Float[np.ndarray, " knots"],
    tails: str,
) -> Float[np.ndarray, " knots"]:
    from scipy.special import ndtri

    scores = of_truth[~np.isnan(of_truth)]
    if len(scores) < _FEWEST_SCORES:
        return ndtri(probabilities)
    told = probabilities[np.isin(probabilities, knot_probabilities(len(scores)))]
    if tails == "separate":
        target = expected_quantiles(scores, told)
    else:
        outward = 2 * told[len(told) // 2 + 1 :] - 1
        half = expected_quantiles(np.abs(scores), outward)
        target = np.concatenate([-half[::-1], np.zeros_like(half[:1]), half])
    if len(told) == len(probabilities):
        return target
    return piecewise_linear(ndtri(probabilities), ndtri(told), target)
