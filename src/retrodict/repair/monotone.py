"""Monotone piecewise linear maps that go on beyond their last knots."""

import math

import numpy as np
from jaxtyping import Float

_CANDIDATES = np.array([0.01, 0.025, 0.05, 0.1, 0.16, 0.25, 0.375, 0.5])
_FEWEST_BEYOND = 2
_ROUNDING = 1e-9
FEWEST_VALUES = 16  # which tell their 16 % quantiles


def fewest_values(probability: float) -> int:
    """How many values tell the quantile at this one of `knot_probabilities`."""
    return math.ceil(_FEWEST_BEYOND / probability - _ROUNDING) - 1


def knot_probabilities(num_values: int) -> Float[np.ndarray, " knots"]:
    """At which probabilities so many values tell a quantile: two of them lie beyond the last.

    Symmetric about 1/2, which is the middle one. Those of fewer values are among those of more.
    """
    lower = _CANDIDATES[_CANDIDATES * (num_values + 1) >= _FEWEST_BEYOND - _ROUNDING]
    return np.concatenate([lower, 1 - lower[-2::-1]])


def expected_quantiles(
    values: Float[np.ndarray, "values *rest"], probabilities: Float[np.ndarray, " knots"]
) -> Float[np.ndarray, "knots *rest"]:
    """Quantiles that a further value of the same distribution is below with just p.

    The k-th smallest of n values is the quantile at k / (n + 1) (Weibull's positions), linear
    in between.
    """
    return np.quantile(values, probabilities, axis=0, method="weibull")


def quantiles_of_present(
    values: Float[np.ndarray, "values columns"], probabilities: Float[np.ndarray, " knots"]
) -> Float[np.ndarray, "knots columns"]:
    """`expected_quantiles` of the values of each column that are not NaN.

    Quantiles that those do not tell lie on the rays of `piecewise_linear` in normal scores; a
    column of too few values for any has NaN.
    """
    from scipy.special import ndtri

    ascending, counts = np.sort(values, axis=0), (~np.isnan(values)).sum(axis=0)
    found = np.full((len(probabilities), values.shape[1]), np.nan)
    knots = np.broadcast_to(ndtri(probabilities)[:, None], found.shape)
    needed = np.array([fewest_values(p) for p in probabilities[: len(probabilities) // 2]])
    told = (counts[:, None] >= needed).sum(axis=1)
    for num in np.unique(told[counts >= FEWEST_VALUES]).tolist():
        columns = np.flatnonzero((told == num) & (counts >= FEWEST_VALUES))
        left_out = len(needed) - num
        inner = slice(left_out, len(probabilities) - left_out)
        place = probabilities[inner, None] * (counts[columns] + 1) - 1
        below = np.floor(place + _ROUNDING).astype(int)
        low = ascending[below, columns]
        high = ascending[np.minimum(below + 1, counts[columns] - 1), columns]
        quantiles = low + (place - below) * (high - low)
        found[:, columns] = piecewise_linear(knots[:, columns], knots[inner, columns], quantiles)
    return found


def piecewise_linear(
    values: Float[np.ndarray, "*shape"],
    source: Float[np.ndarray, "knots ..."],
    target: Float[np.ndarray, "knots ..."],
) -> Float[np.ndarray, "*shape"]:
    """The increasing map that takes knot j of `source` to knot j of `target`.

    Beyond its last knots it goes on along the ray from the middle one, so that a value twice
    as far from the middle goes twice as far: the slope of a whole half is known better than
    that of its last piece. A piece of no width is a step, onto its upper end.

    Args:
        values: to be mapped.
        source: an odd number of knots, not decreasing along the first axis, the middle one
            strictly between the outer ones; the other axes broadcast against `values`.
        target: where they go, likewise.
    """
    middle = len(source) // 2
    below = (target[middle] - target[0]) / (source[middle] - source[0])
    above = (target[-1] - target[middle]) / (source[-1] - source[middle])
    found = target[0] + below * np.minimum(values - source[0], 0)
    for low, high, rise in zip(source[:-1], source[1:], np.diff(target, axis=0), strict=True):
        is_step = high == low
        passed = np.clip((values - low) / np.where(is_step, 1.0, high - low), 0, 1)
        if is_step.any():
            passed = np.where(is_step, values >= low, passed)
        found += passed * rise
    return found + above * np.maximum(values - source[-1], 0)
