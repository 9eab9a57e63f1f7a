"""From weighted draws to draws that all weigh the same."""

import numpy as np
from jaxtyping import Float

from retrodict.errors import ConfigurationError
from retrodict.typing import Int


def systematic(
    rng: np.random.Generator, weights: Float[np.ndarray, "observations proposals"], num: int
) -> Int[np.ndarray, "observations draws"]:
    """Indices of `num` proposals in random order, by systematic resampling.

    Proposal i appears floor(num w_i) or ceil(num w_i) times, num w_i on average (Kitagawa
    1996, doi:10.2307/1390750); so none appears twice whose weight is at most 1 / num.

    Args:
        rng: of the one offset per observation, and of the order.
        weights: summing to one.
        num: draws of each observation.
    """
    heaviest = (-weights).argsort(axis=1)
    chosen = _sorted_positions(rng, np.take_along_axis(weights, heaviest, axis=1), num)
    return rng.permuted(np.take_along_axis(heaviest, chosen, axis=1), axis=1)


def systematic_without_replacement(
    rng: np.random.Generator, weights: Float[np.ndarray, "observations proposals"], num: int
) -> Int[np.ndarray, "observations draws"]:
    """Indices of `num` different proposals in random order.

    Weights above 1 / num are cut down to it and the others scaled up to sum to one again;
    systematic resampling then takes no proposal twice. The heaviest proposals are so given
    less than their due, by little where the effective number of draws is many times `num`
    (Skare, Bolviken and Holden 2003, doi:10.1111/1467-9469.00360, on resampling without
    replacement).

    Raises:
        ConfigurationError: an observation has fewer than `num` proposals with any weight.
    """
    num_weighted = (weights > 0).sum(axis=1)
    if (num_weighted < num).any():
        raise ConfigurationError(
            f"{num:,} different draws were asked for, but an observation has only "
            f"{num_weighted.min():,} proposals with any weight.",
            "Take more proposals, fewer draws, or `replacement=True`.",
        )
    heaviest = (-weights).argsort(axis=1)
    capped = _capped(np.take_along_axis(weights, heaviest, axis=1), num)
    chosen = _sorted_positions(rng, capped, num)
    # Rounding may let two positions fall on one proposal; the next one then takes its place.
    steps = np.arange(num)
    chosen = np.maximum.accumulate(chosen - steps, axis=1) + steps
    return rng.permuted(np.take_along_axis(heaviest, chosen, axis=1), axis=1)


def _sorted_positions(
    rng: np.random.Generator, weights: Float[np.ndarray, "observations proposals"], num: int
) -> Int[np.ndarray, "observations draws"]:
    num_observations, num_proposals = weights.shape
    row = np.arange(num_observations)[:, None]
    share = (np.arange(num) + rng.random((num_observations, 1))) / num
    cumulative = weights.cumsum(axis=1)
    # Observation i has the interval [i, i + 1) for itself, so that one search serves all.
    edges = (cumulative / cumulative[:, -1:] + row).ravel()
    found = np.searchsorted(edges, (share + row).ravel(), side="right").reshape(share.shape)
    last_weighted = (weights > 0).sum(axis=1, keepdims=True) - 1
    return np.minimum(found - row * num_proposals, last_weighted)


def _capped(
    descending: Float[np.ndarray, "observations proposals"], num: int
) -> Float[np.ndarray, "observations proposals"]:
    """min(a w, 1 / num) with a such that they sum to one."""
    num_proposals = descending.shape[1]
    num_capped = np.arange(min(num, num_proposals))
    rest = descending[:, ::-1].cumsum(axis=1)[:, ::-1][:, : len(num_capped)]
    factor = (1 - num_capped / num) / rest
    fits = factor * descending[:, : len(num_capped)] <= 1 / num * (1 + 1e-12)
    first = np.where(fits.any(axis=1), fits.argmax(axis=1), len(num_capped) - 1)[:, None]
    return np.minimum(np.take_along_axis(factor, first, axis=1) * descending, 1 / num)
