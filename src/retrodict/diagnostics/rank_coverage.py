"""Coverage from ranks: how often a region that claims a probability holds the truth.

Where a nested family of regions is ordered by the number of draws inside, the region with k of
L draws strictly inside it holds an exactly distributed truth with probability k / (L + 1).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from retrodict.diagnostics.rank_uniformity import (
    simultaneous_band,
    spread_out_points,
    uniformity_p_value,
)

LEVEL = 0.01
VISIBLE_DEVIATION = 2.0  # standard errors from which a deviation is given a direction


class RankCoverage(NamedTuple):
    """Coverage at each level, its simultaneous band, and the p-value of uniform ranks."""

    levels: Float[np.ndarray, " levels"]
    coverage: Float[np.ndarray, " levels"]
    band_lower: Float[np.ndarray, " levels"]
    band_upper: Float[np.ndarray, " levels"]
    p_value: float


def rank_coverage(ranks: Int[np.ndarray, " observations"], num_draws: int) -> RankCoverage:
    """Share of ranks below each of at most 100 levels k / (L + 1), with an exact test.

    Args:
        ranks: for each observation, the number of draws closer to the centre of the regions
            than the truth; 0 to `num_draws`, uniform for an exact posterior.
        num_draws: L, posterior draws per observation.
    """
    points = spread_out_points(num_draws)
    levels = points / (num_draws + 1)
    num = len(ranks)
    counts = np.searchsorted(np.sort(ranks), points)
    lower, upper = simultaneous_band(levels, num, LEVEL)
    return RankCoverage(
        levels,
        counts / num,
        lower / num,
        upper / num,
        float(uniformity_p_value(counts, levels, num)),
    )


def farthest_level(levels: np.ndarray, coverage: np.ndarray) -> int:
    """Index of the level whose coverage is the most binomial standard errors off."""
    return int(np.argmax(np.abs(coverage - levels) / np.sqrt(levels * (1 - levels))))


def ranks_with_ties(
    below: Int[np.ndarray, " observations"], equal: Int[np.ndarray, " observations"], seed: int
) -> Int[np.ndarray, " observations"]:
    """One of the possible ranks at random, which keeps ranks uniform among equal values."""
    return below + np.random.default_rng(seed).integers(0, equal + 1)
