"""Expected coverage: do highest-density regions hold the truth as often as they claim?"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import MIN_DRAWS, MIN_OBSERVATIONS, Json, finite_array
from retrodict.diagnostics.rank_coverage import (
    LEVEL,
    VISIBLE_DEVIATION,
    farthest_level,
    rank_coverage,
    ranks_with_ties,
)
from retrodict.errors import ShapeError, TooFewRowsError


@dataclass(frozen=True)
class ExpectedCoverage:
    """How often the highest-density region of each level holds the truth.

    Attributes:
        ranks: number of draws of higher density than the truth, 0 to num_draws.
        levels: the probabilities that the regions claim.
        coverage: share of true values inside the region of each level.
        band_lower, band_upper: the simultaneous band for the coverage, which an exact posterior
            leaves anywhere with 1 %.
        p_value: of the uniformity of the ranks.
        num_draws: posterior draws per observation.
    """

    ranks: Int[np.ndarray, " observations"]
    levels: Float[np.ndarray, " levels"]
    coverage: Float[np.ndarray, " levels"]
    band_lower: Float[np.ndarray, " levels"]
    band_upper: Float[np.ndarray, " levels"]
    p_value: float
    num_draws: int

    @property
    def passed(self) -> bool:
        """The ranks are uniform, at 1 %."""
        return self.p_value > LEVEL

    @property
    def excess(self) -> float:
        """Mean over all levels of coverage minus level: negative where regions are too small."""
        return float(0.5 - (self.ranks + 0.5).mean() / (self.num_draws + 1))

    @property
    def finding(self) -> str:
        """Empty where it passed, else what is wrong with the regions."""
        if self.passed:
            return ""
        standard_error = np.sqrt(1 / 12 / len(self.ranks))
        if abs(self.excess) < VISIBLE_DEVIATION * standard_error:
            return "too small at some levels and too large at others (wrong shape)"
        return "too small (overconfident)" if self.excess < 0 else "too large (conservative)"

    def to_dict(self) -> Json:
        return {
            "passed": self.passed,
            "p_value": self.p_value,
            "excess": self.excess,
            "finding": self.finding,
            "levels": self.levels.tolist(),
            "coverage": self.coverage.tolist(),
            "num_observations": len(self.ranks),
            "num_draws": self.num_draws,
        }

    def __str__(self) -> str:
        if self.passed:
            return (
                f"Highest-density regions hold the truth as often as they claim, as far as "
                f"{len(self.ranks)} observations can tell (p = {self.p_value:.2g})."
            )
        worst = farthest_level(self.levels, self.coverage)
        advice = (
            "train longer, with more simulations or with a more flexible model"
            if self.excess < 0
            else "its intervals are safe but could be narrower"
        )
        return (
            f"Highest-density regions are {self.finding}: the {self.levels[worst]:.0%} region "
            f"holds {self.coverage[worst]:.0%} of {len(self.ranks)} true values "
            f"(p = {self.p_value:.2g}); {advice}."
        )


def expected_coverage(
    log_prob_of_draws: ArrayLike, log_prob_of_truth: ArrayLike, *, seed: int = 0
) -> ExpectedCoverage:
    """Coverage of the highest-density regions of each posterior (Hermans et al. 2022).

    The truth lies inside the region of level a where at most a share a of the posterior has a
    higher density (arXiv:2110.06581). The number of L independent draws that do is
    uniform on 0..L for an exact posterior, which `rank_uniformity` tests exactly; regions
    ordered by density are joint in all parameters and follow separate modes.

    What has the right coverage may still say nothing: the prior passes too. A truth that has
    the density of some of its draws gets one of its possible ranks at random.

    Args:
        log_prob_of_draws: log density of each posterior at its own independent draws,
            (observations, draws).
        log_prob_of_truth: log density of each posterior at the causes that made the
            observation, drawn from the prior, (observations,); minus infinity where it excludes
            them.
        seed: of the ranks among ties.

    Raises:
        NonFiniteError, ShapeError, TooFewRowsError: arguments that cannot answer the question.
    """
    of_draws = finite_array("log_prob_of_draws", log_prob_of_draws, ("observations", "draws"))
    of_truth = np.asarray(log_prob_of_truth)
    excluded = of_truth == -np.inf
    of_truth = finite_array(
        "log_prob_of_truth", np.where(excluded, 0.0, of_truth), ("observations",)
    )
    num_observations, num_draws = of_draws.shape
    if of_truth.shape != (num_observations,):
        raise ShapeError(
            f"`log_prob_of_draws` of shape {of_draws.shape} (observations, draws) needs "
            f"`log_prob_of_truth` of shape {(num_observations,)}; got {of_truth.shape}.",
            "Give the log density at one truth per observation, in the same order.",
        )
    if num_observations < MIN_OBSERVATIONS or num_draws < MIN_DRAWS:
        raise TooFewRowsError(
            f"Coverage is a frequency: it needs at least {MIN_OBSERVATIONS} observations and "
            f"{MIN_DRAWS} draws of each; got {num_observations} and {num_draws}.",
            "Give more test observations and draws; a few hundred of each answer well.",
        )
    threshold = np.where(excluded, -np.inf, of_truth)[:, None]
    ranks = ranks_with_ties(
        (of_draws > threshold).sum(axis=1), (of_draws == threshold).sum(axis=1), seed
    )
    return ExpectedCoverage(ranks, *rank_coverage(ranks, num_draws), num_draws)
