"""TARP: coverage of balls around random points, a test of the whole posterior from its draws."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import Json, draws_and_truth, finite_array
from retrodict.diagnostics.rank_coverage import (
    LEVEL,
    VISIBLE_DEVIATION,
    farthest_level,
    rank_coverage,
    ranks_with_ties,
)
from retrodict.errors import ConfigurationError, ConstantColumnError, ShapeError

BLOCK_ELEMENTS = 2**22  # coordinates whose distances are computed at once


@dataclass(frozen=True)
class TARP:
    """How often balls around reference points hold the truth (tests of accuracy).

    Attributes:
        ranks: number of draws nearer to the reference point than the truth, 0 to num_draws.
        levels: shares of the posterior that the balls hold.
        coverage: share of true values inside the ball of each level.
        band_lower, band_upper: the simultaneous band for the coverage, which an exact posterior
            leaves anywhere with 1 %.
        p_value: of the uniformity of the ranks.
        references: the reference point of each observation, in the units of the truth.
        num_draws: posterior draws per observation.
    """

    ranks: Int[np.ndarray, " observations"]
    levels: Float[np.ndarray, " levels"]
    coverage: Float[np.ndarray, " levels"]
    band_lower: Float[np.ndarray, " levels"]
    band_upper: Float[np.ndarray, " levels"]
    p_value: float
    references: Float[np.ndarray, "observations dim"]
    num_draws: int

    @property
    def passed(self) -> bool:
        """The ranks are uniform, at 1 %."""
        return self.p_value > LEVEL

    @property
    def spread(self) -> float:
        """Variance of the fractional ranks over that of uniform ones: above 1 where too narrow."""
        possible = np.arange(self.num_draws + 1)
        return float(self.ranks.var() / possible.var())

    @property
    def finding(self) -> str:
        """Empty where it passed, else what is wrong with the posterior."""
        if self.passed:
            return ""
        # The variance of a squared uniform deviation is 4/5 of its squared mean.
        deviation = (self.spread - 1) / np.sqrt(0.8 / len(self.ranks))
        if abs(deviation) < VISIBLE_DEVIATION:
            return "biased or of the wrong shape"
        return "too narrow or biased" if deviation > 0 else "too wide"

    def to_dict(self) -> Json:
        return {
            "passed": self.passed,
            "p_value": self.p_value,
            "spread": self.spread,
            "finding": self.finding,
            "levels": self.levels.tolist(),
            "coverage": self.coverage.tolist(),
            "num_observations": len(self.ranks),
            "num_draws": self.num_draws,
        }

    def __str__(self) -> str:
        if self.passed:
            return (
                f"Balls around reference points hold the truth as often as the draws, as far as "
                f"{len(self.ranks)} observations can tell (TARP, p = {self.p_value:.2g})."
            )
        worst = farthest_level(self.levels, self.coverage)
        return (
            f"The posterior is {self.finding}: balls that hold {self.levels[worst]:.0%} of its "
            f"draws hold {self.coverage[worst]:.0%} of {len(self.ranks)} true values (TARP, "
            f"p = {self.p_value:.2g}); train longer, with more simulations or with a more "
            "flexible model."
        )


def tarp(
    draws: ArrayLike,
    truth: ArrayLike,
    *,
    references: ArrayLike | Literal["random"] = "random",
    seed: int = 0,
) -> TARP:
    """Tests of accuracy with random points (Lemos et al. 2023, arXiv:2302.03026).

    For each observation a point r is chosen; the rank is the number of L draws nearer to r than
    the truth, which is uniform on 0..L for an exact posterior, whatever r is, so long as it does
    not depend on the truth. `rank_uniformity` tests that exactly. The density is not needed,
    and all parameters are judged together.

    Distances are Euclidean after each parameter is divided by the standard deviation of the
    truth over observations. A random r is uniform in the box that the true values span. What is
    taken from true values is taken from those of the *other* observations, so that neither
    depends on the truth in question.

    References independent of the observation cannot tell a posterior that ignores it from the
    exact one: the prior passes. Give references that depend on the observation, e.g. a
    regression of truth on observation fitted to other data, and it does not. Among many
    parameters a single wrong one hardly moves the distances: test each by itself as well.

    Args:
        draws: independent posterior draws, (observations, draws, dim); thin Markov chains first.
        truth: the causes that made the observations, (observations, dim), drawn from the prior.
        references: "random", or one point per observation, (observations, dim).
        seed: of the random points and of the ranks among ties.

    Raises:
        NonFiniteError, ShapeError, TooFewRowsError, ConfigurationError: arguments that cannot
            answer the question.
        ConstantColumnError: a true parameter, or all its draws, never vary.
    """
    draws, truth = draws_and_truth(draws, truth)
    scales = _scales_of_others(truth)
    rng = np.random.default_rng(seed)
    if isinstance(references, str):
        if references != "random":
            raise ConfigurationError(
                f"`references` must be 'random' or an array; got {references!r}.",
                "Leave it out, or give one point per observation.",
            )
        lower, upper = _box_of_others(truth)
        points = rng.uniform(lower, upper)
    else:
        points = finite_array("references", references, ("observations", "dim")).astype(float)
        if points.shape != truth.shape:
            raise ShapeError(
                f"`references` must have the shape {truth.shape} of `truth`; got {points.shape}.",
                "Give one point per observation, with one coordinate per parameter.",
            )
    nearer, equal = _nearer_and_equal(draws, truth, points, scales)
    ranks = ranks_with_ties(nearer, equal, seed + 1)
    num_draws = draws.shape[1]
    return TARP(ranks, *rank_coverage(ranks, num_draws), points, num_draws)


def _nearer_and_equal(
    draws: np.ndarray, truth: np.ndarray, points: np.ndarray, scales: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of draws nearer to the point than the truth, and as near, some observations at once.

    Truth and draws go through the same arithmetic, so that equal values have equal distances.
    """
    num_observations, num_draws, dim = draws.shape
    step = max(1, BLOCK_ELEMENTS // ((num_draws + 1) * dim))
    nearer, equal = np.empty((2, num_observations), dtype=int)
    for begin in range(0, num_observations, step):
        rows = slice(begin, begin + step)
        values = np.concatenate([truth[rows, None], draws[rows]], axis=1)
        deviations = (values - points[rows, None]) / scales[rows, None]
        distances = np.einsum("ijk,ijk->ij", deviations, deviations)
        nearer[rows] = (distances[:, 1:] < distances[:, :1]).sum(axis=1)
        equal[rows] = (distances[:, 1:] == distances[:, :1]).sum(axis=1)
    return nearer, equal


def _scales_of_others(truth: np.ndarray) -> np.ndarray:
    """For each observation, standard deviations of the other observations' truth."""
    num = len(truth)
    deviations = (truth - truth.mean(axis=0, dtype=float)).astype(float)
    total = (deviations**2).sum(axis=0)
    variances = (total - num / (num - 1) * deviations**2) / (num - 2)
    constant = (variances <= 1e-12 * total / num).any(axis=0)
    if constant.any():
        raise ConstantColumnError(
            f"The true parameters {np.flatnonzero(constant).tolist()} (counted from 0) are the "
            "same in all observations, or in all but one, so that they set no scale.",
            "Use test observations whose causes are drawn from the prior.",
        )
    return np.sqrt(variances)


def _box_of_others(truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each observation, the least and the largest value of the other observations' truth."""
    ordered = np.sort(truth, axis=0)
    lower = np.where(truth == ordered[0], ordered[1], ordered[0])
    upper = np.where(truth == ordered[-1], ordered[-2], ordered[-1])
    return lower, upper
