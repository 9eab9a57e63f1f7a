"""An exact test that discrete ranks are uniform, and the simultaneous bands that go with it.

The empirical distribution function is compared with the uniform one at K points. At each, the
number of ranks below is binomial, which gives a pointwise two-sided p-value; the statistic is
the smallest (Säilynoja, Bürkner and Vehtari 2022, arXiv:2103.10522). Its distribution is exact:
the counts are a Poisson process given its total, so the probability of staying inside a band
at all K points follows by convolution from point to point (Moscovich and Nadler 2017,
arXiv:1503.04363). Neither simulation nor an asymptotic law is needed.
"""

import numpy as np
from jaxtyping import Float, Int

MAX_POINTS = 100
UNION_BOUND_BELOW = 1e-9  # where 1 - P(inside) would be mostly rounding
_TIE = 1 + 1e-9  # keeps a count whose p-value equals the level outside the band, despite rounding


def ranks_among(
    draws: Float[np.ndarray, "observations draws dim"],
    truth: Float[np.ndarray, "observations dim"],
    seed: int,
) -> Int[np.ndarray, "observations dim"]:
    """Number of draws below the truth; among ties one of the possible ranks at random.

    A random rank is exact for discrete values, where a middle rank would not be uniform.
    """
    below = (draws < truth[:, None]).sum(axis=1)
    ties = (draws == truth[:, None]).sum(axis=1)
    return below + np.random.default_rng(seed).integers(0, ties + 1)


def rank_p_values(
    ranks: Int[np.ndarray, "observations dim"], num_draws: int
) -> Float[np.ndarray, " dim"]:
    """Probability, per column, that ranks uniform on 0..num_draws look as odd.

    Two exact tests: of the ranks, which sees shifts, and of their distance from the nearer end,
    which sees widths. The p-value is twice the smaller.
    """
    points, depth_points = spread_out_points(num_draws), spread_out_points(num_draws // 2)
    counts = counts_below(ranks, points)
    depth_counts = counts_below(np.minimum(ranks, num_draws - ranks), depth_points)
    smaller = [
        min(
            uniformity_p_value(counts[:, i], points / (num_draws + 1), len(ranks)),
            uniformity_p_value(depth_counts[:, i], 2 * depth_points / (num_draws + 1), len(ranks)),
        )
        for i in range(ranks.shape[1])
    ]
    return np.minimum(2 * np.asarray(smaller), 1.0)


def spread_out_points(last: int) -> Int[np.ndarray, " points"]:
    """At most `MAX_POINTS` of the integers 1..last, evenly spread."""
    return np.unique(np.linspace(1, last, min(last, MAX_POINTS)).round().astype(int))


def counts_below(
    ranks: Int[np.ndarray, "observations dim"], points: Int[np.ndarray, " points"]
) -> Int[np.ndarray, "points dim"]:
    """How many ranks of each column lie below each point."""
    return np.stack([np.searchsorted(np.sort(column), points) for column in ranks.T], axis=1)


def uniformity_p_value(
    counts: Int[np.ndarray, " points"],
    probabilities: Float[np.ndarray, " points"],
    num_observations: int,
) -> float:
    """Probability that uniform ranks deviate as much at some point.

    Exact; where it is so small that double precision cannot tell it from 0, the sum over points
    of their own probabilities instead, which is never less than it.

    Args:
        counts: how many ranks lie below each point, increasing.
        probabilities: that of one uniform rank to lie below each point, strictly between 0 and
            1 and strictly increasing.
        num_observations: how many ranks there are.
    """
    from scipy.stats import binom

    tail = np.minimum(
        binom.cdf(counts, num_observations, probabilities),
        binom.sf(counts - 1, num_observations, probabilities),
    )
    if 2 * tail.min() * _TIE >= 1:
        return 1.0
    union_bound = float(2 * len(tail) * tail.min())
    if union_bound < UNION_BOUND_BELOW:
        return union_bound
    lower, upper = _pointwise_band(tail.min(), probabilities, num_observations)
    return 1 - _probability_inside(lower, upper, probabilities, num_observations)


def simultaneous_band(
    probabilities: Float[np.ndarray, " points"], num_observations: int, level: float
) -> tuple[Int[np.ndarray, " points"], Int[np.ndarray, " points"]]:
    """Smallest and largest counts such that uniform ranks leave them anywhere with `level`.

    A count leaves the band exactly where its `uniformity_p_value` is at most `level`, up to
    the tolerance (.1 %) to which the pointwise level is found.

    Args:
        probabilities: as in `uniformity_p_value`.
        num_observations: how many ranks there are.
        level: probability that uniform ranks leave the band at one point or more.
    """
    log_low, log_high = np.log(level / len(probabilities)) - np.log(2), np.log(level)
    while log_high - log_low > 1e-3:
        middle = (log_low + log_high) / 2
        band = _pointwise_band(np.exp(middle), probabilities, num_observations)
        if 1 - _probability_inside(*band, probabilities, num_observations) > level:
            log_high = middle
        else:
            log_low = middle
    return _pointwise_band(np.exp(log_low), probabilities, num_observations)


def _pointwise_band(
    tail: float, probabilities: np.ndarray, num_observations: int
) -> tuple[np.ndarray, np.ndarray]:
    """Counts whose one-sided tails are both larger than `tail`, at each point by itself."""
    from scipy.stats import binom

    lower = binom.ppf(tail * _TIE, num_observations, probabilities)
    upper = binom.isf(tail * _TIE, num_observations, probabilities)
    return np.asarray(lower, dtype=int), np.asarray(upper, dtype=int)


def _probability_inside(
    lower: np.ndarray, upper: np.ndarray, probabilities: np.ndarray, num_observations: int
) -> float:
    """Probability that the counts of uniform ranks stay within [lower, upper] at all points."""
    from scipy.stats import poisson

    ends = np.append(probabilities, 1.0)
    lower, upper = np.append(lower, num_observations), np.append(upper, num_observations)
    rates = num_observations * np.diff(ends, prepend=0.0)
    weights, low, high = np.ones(1), 0, 0
    for next_low, next_high, rate in zip(lower, upper, rates, strict=True):
        steps = poisson.pmf(np.arange(next_low - high, next_high - low + 1), rate)
        weights = np.convolve(weights, steps, mode="valid")
        low, high = next_low, next_high
    return float(min(weights[0] / poisson.pmf(num_observations, num_observations), 1.0))
