"""Modes of many samples at once: a metric, a neighbour graph, and what rises above its saddles."""

import functools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

NUM_NEIGHBOURS = 20
FALSE_ALARMS = 0.02

_NUMBERS_AT_ONCE = 2**23
_NUM_CALIBRATIONS = 250
_TYLER_STEPS = 12
_MIXTURE_STEPS = 15
_NUM_RANDOM_DIRECTIONS = 8
_CORE = 0.95
# Directions thinner than a thousandth of the others are left thin: dividing by their width
# would turn rounding into a shape.
_THIN = 1e-6
_SMALLEST_SHARE = 0.02
_SMALLEST_VARIANCE = 1e-4


@dataclass(frozen=True)
class Basins:
    """The local maxima of each sample's density, and the draws that ascend to each.

    Attributes:
        labels: which maximum each draw ascends to.
        peaks: the draw at the top of each, -1 where a sample has fewer.
        heights: log density there, -inf where a sample has fewer.
        passes: log density of the highest path between two maxima; -inf between those that
            no path connects.
        prominences: height above the highest pass to a higher maximum.
        intrinsic_dim: of the surface that the draws lie on.
    """

    labels: Int[np.ndarray, "samples draws"]
    peaks: Int[np.ndarray, "samples maxima"]
    heights: Float[np.ndarray, "samples maxima"]
    passes: Float[np.ndarray, "samples maxima maxima"]
    prominences: Float[np.ndarray, "samples maxima"]
    intrinsic_dim: Float[np.ndarray, " samples"]

    @property
    def outranked(self) -> Bool[np.ndarray, "samples maxima maxima"]:
        """[i, a, b]: whether maximum b is higher than a; equals go by their order."""
        higher = self.heights[:, None, :] > self.heights[:, :, None]
        equal = self.heights[:, None, :] == self.heights[:, :, None]
        return higher | (equal & np.tri(equal.shape[1], k=-1, dtype=bool))


def samples_at_once(num_draws: int) -> int:
    """How many samples to search in one go, so that distances take some 64 MiB."""
    return max(1, _NUMBERS_AT_ONCE // num_draws**2)


def search(draws: Float[np.ndarray, "samples draws dim"]) -> Basins:
    """Topological mode analysis of each sample (ToMATo, Chazal et al. 2013, J. ACM 60:41).

    Every draw ascends to the densest of its nearest neighbours until none is denser. The log
    density is -m log r, where r^2 is the mean squared distance to the nearest neighbours (the
    distance to a measure, Chazal, Cohen-Steiner and Merigot 2011) and m the intrinsic
    dimension by the same distances (Levina and Bickel 2005), so that a posterior on a curved
    sheet is not judged by the dimension around it.
    """
    neighbours, squared = _nearest_neighbours(_with_round_clusters(_whitened(draws)))
    heights, intrinsic_dim = _log_density(squared)
    labels, peaks, peak_heights = _ascents(heights, neighbours)
    passes = _passes(heights, neighbours, labels, peaks.shape[1])
    found = Basins(labels, peaks, peak_heights, passes, np.empty_like(peak_heights), intrinsic_dim)
    highest_pass = np.where(found.outranked, passes, -np.inf).max(axis=2)
    exists = peaks >= 0
    found.prominences[:] = np.where(exists, np.inf, -np.inf)
    joined = exists & np.isfinite(highest_pass)
    found.prominences[joined] = peak_heights[joined] - highest_pass[joined]
    return found


def prominence_by_chance(
    intrinsic_dim: Float[np.ndarray, " samples"], num_draws: int
) -> Float[np.ndarray, " samples"]:
    """What the second mode of a uniform sample stays below with 98 %.

    Among distributions with one mode the uniform one is the least favourable, for all of it
    is plateau (as for the dip, Hartigan and Hartigan 1985, doi:10.1214/aos/1176346577);
    normal samples stay below it more often. Interpolated between uniform samples in 1, 2, 4,
    8 ... dimensions, by the intrinsic dimension that the search finds in them.
    """
    nodes: list[tuple[float, float]] = []
    dim = 1
    while not nodes or nodes[-1][0] < intrinsic_dim.max():
        # Samples on a sheet need no calibration in the dimensions below theirs.
        following = 0.7 * 2 * dim
        if following >= intrinsic_dim.min():
            nodes.append(_calibrated(dim, num_draws))
        dim *= 2
    dims, limits = np.transpose(nodes)
    return np.interp(intrinsic_dim, dims, limits)


@functools.lru_cache(maxsize=64)
def _calibrated(dim: int, num_draws: int) -> tuple[float, float]:
    """Intrinsic dimension found in uniform samples, and the limit of their second prominence."""
    rng = np.random.default_rng([dim, num_draws])
    seconds, dims = [], []
    for first in range(0, _NUM_CALIBRATIONS, samples_at_once(num_draws)):
        num = min(samples_at_once(num_draws), _NUM_CALIBRATIONS - first)
        found = search(rng.random((num, num_draws, dim)))
        below_first = np.where(found.heights == found.heights.max(axis=1, keepdims=True),
                               -np.inf, found.prominences)  # fmt: skip
        seconds.append(below_first.max(axis=1))
        dims.append(found.intrinsic_dim)
    ordered = np.sort(np.concatenate(seconds))
    limit = ordered[int(np.ceil((1 - FALSE_ALARMS) * len(ordered))) - 1]
    return float(np.concatenate(dims).mean()), float(limit)


def _whitened(draws: Float[np.ndarray, "samples draws dim"]) -> np.ndarray:
    """Draws in the metric of Tyler's (1987, doi:10.1214/aos/1176350263) scatter matrix.

    Neighbours depend on units, and on which parameters go together, unless both are taken out;
    a covariance would let the few farthest draws of a heavy tail decide.
    """
    dim = draws.shape[2]
    x = draws - np.median(draws, axis=1, keepdims=True)
    width = np.median(np.abs(x), axis=1, keepdims=True)
    width = np.where(width > 0, width, x.std(axis=1, keepdims=True))
    x = x / np.where(width > 0, width, 1)
    identity = np.eye(dim)
    scatter = np.broadcast_to(identity, (len(x), dim, dim))
    for _ in range(_TYLER_STEPS):
        squared = ((x @ np.linalg.inv(scatter)) * x).sum(axis=2, keepdims=True)
        directions = np.divide(x, squared, out=np.zeros_like(x), where=squared > 0)
        scatter = directions.swapaxes(1, 2) @ x
        scatter = scatter / np.trace(scatter, axis1=1, axis2=2)[:, None, None] * dim
        scatter = scatter + _THIN * identity
    return _solve_lower(scatter, x)


def _with_round_clusters(x: Float[np.ndarray, "samples draws dim"]) -> np.ndarray:
    """Draws in a metric in which two clusters, if there are two, are round.

    Whitening moves clusters that are apart along one of many dimensions so close together
    that nearest neighbours no longer tell them apart. A mixture of two Gaussians with one
    covariance undoes that: where the whole is white, its covariance is I - p (1 - p) d d^T for
    means d apart, so that expectation maximisation needs projections only. It starts from
    random directions and from those that fourth and third moments suggest (Pena and Prieto
    2001, doi:10.1198/016214501753382345); the likeliest fit counts.
    """
    num_samples, num_draws, dim = x.shape
    radius = np.sqrt((x**2).sum(axis=2, keepdims=True))
    core = np.quantile(radius, _CORE, axis=1, keepdims=True)
    w = x * np.minimum(1, np.divide(core, radius, out=np.ones_like(radius), where=radius > 0))
    w = w - w.mean(axis=1, keepdims=True)
    covariance = w.swapaxes(1, 2) @ w / num_draws + _THIN * np.eye(dim)
    w, x = _solve_lower(covariance, w), _solve_lower(covariance, x)

    squared = (w**2).sum(axis=2, keepdims=True)
    fourth = np.linalg.eigh((w * squared).swapaxes(1, 2) @ w)[1]
    third = (w * squared).mean(axis=1)[:, :, None]
    chance = np.random.default_rng(0).normal(size=(dim, _NUM_RANDOM_DIRECTIONS))
    chance = np.broadcast_to(chance, (num_samples, *chance.shape))
    direction = np.concatenate([chance, fourth, third], axis=2)
    projected = w @ (direction / _at_least_tiny(np.linalg.norm(direction, axis=1, keepdims=True)))
    # The smaller cluster is where the longer tail is.
    projected = projected * np.sign((projected**3).mean(axis=1, keepdims=True) + 1e-300)
    slope, offset = np.float64(2), np.float64(-1)
    for _ in range(_MIXTURE_STEPS):
        belongs = 1 / (1 + np.exp(-np.clip(slope * projected + offset, -50, 50)))
        p = np.clip(belongs.mean(axis=1, keepdims=True), _SMALLEST_SHARE, 1 - _SMALLEST_SHARE)
        moment = w.swapaxes(1, 2) @ belongs / num_draws
        size = _at_least_tiny(np.linalg.norm(moment, axis=1, keepdims=True))
        direction = moment / size
        projected = w @ direction
        mean, other_mean = size / p, -size / (1 - p)
        variance = np.maximum(1 - size**2 / (p * (1 - p)), _SMALLEST_VARIANCE)
        slope = (mean - other_mean) / variance
        offset = np.log(p / (1 - p)) - (mean**2 - other_mean**2) / (2 * variance)
    log_likelihood = (
        np.logaddexp(
            np.log(p) - (projected - mean) ** 2 / (2 * variance),
            np.log(1 - p) - (projected - other_mean) ** 2 / (2 * variance),
        ).mean(axis=1, keepdims=True)
        - np.log(variance) / 2
    )
    best = log_likelihood.argmax(axis=2)[:, :, None]
    direction = np.take_along_axis(direction, best, axis=2)
    stretch = 1 / np.sqrt(np.take_along_axis(variance, best, axis=2)) - 1
    return x + (x @ direction) @ (stretch * direction).swapaxes(1, 2)


def _solve_lower(covariance: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.linalg.solve(np.linalg.cholesky(covariance), x.swapaxes(1, 2)).swapaxes(1, 2)


def _at_least_tiny(size: np.ndarray) -> np.ndarray:
    return np.maximum(size, np.finfo(float).tiny ** 0.5)


def _nearest_neighbours(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices (samples, draws, neighbours), and squared distances in ascending order."""
    num_draws = x.shape[1]
    norms = (x**2).sum(axis=2)
    squared = norms[:, :, None] + norms[:, None, :] - 2 * (x @ x.swapaxes(1, 2))
    squared[:, np.arange(num_draws), np.arange(num_draws)] = np.inf
    nearest = np.argpartition(squared, NUM_NEIGHBOURS - 1, axis=2)[:, :, :NUM_NEIGHBOURS]
    squared = np.take_along_axis(squared, nearest, axis=2)
    order = squared.argsort(axis=2)
    # A difference of two large numbers: a draw that is repeated may come out below zero.
    rounding = 1e-14 * norms.max(axis=1)[:, None, None]
    return (
        np.take_along_axis(nearest, order, axis=2),
        np.maximum(np.take_along_axis(squared, order, axis=2), _at_least_tiny(rounding)),
    )


def _log_density(squared: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Up to a constant for each sample; and the intrinsic dimension.

    In m dimensions log(r_k / r_j), of the k-th and the j-th neighbour, is on average
    (1/j + ... + 1/(k - 1)) / m. Only the outer half of the neighbours is asked, for what is a
    curve at the scale of the density is a surface at the scale of its own thickness.
    """
    k = squared.shape[2]
    inner = np.arange(k // 2, k)
    expected = np.cumsum(1 / inner[::-1])[::-1]
    log_radius = np.log(squared[:, :, k // 2 - 1 :]) / 2
    gaps = log_radius[:, :, -1:] - log_radius[:, :, :-1]
    intrinsic_dim = expected.sum() / gaps.sum(axis=2).mean(axis=1)
    return -intrinsic_dim[:, None] * np.log(squared.mean(axis=2)) / 2, intrinsic_dim


def _ascents(
    heights: np.ndarray, neighbours: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which maximum each draw ascends to, and draw and height of each maximum."""
    num_samples, num_draws, _ = neighbours.shape
    itself = np.broadcast_to(np.arange(num_draws)[None, :, None], (num_samples, num_draws, 1))
    # A draw comes first among its equals, so that ascent along a plateau ends.
    around = np.concatenate([itself, neighbours], axis=2)
    heights_around = np.take_along_axis(heights, around.reshape(num_samples, -1), axis=1).reshape(
        around.shape
    )
    steepest = heights_around.argmax(axis=2)[:, :, None]
    up = np.take_along_axis(around, steepest, axis=2)[:, :, 0]
    for _ in range(num_draws.bit_length()):
        up = np.take_along_axis(up, up, axis=1)
    is_peak = up == np.arange(num_draws)
    number = np.cumsum(is_peak, axis=1) - 1
    peaks = np.full((num_samples, int(is_peak.sum(axis=1).max())), -1)
    sample, draw = np.nonzero(is_peak)
    peaks[sample, number[sample, draw]] = draw
    at_peaks = np.take_along_axis(heights, np.maximum(peaks, 0), axis=1)
    labels = np.take_along_axis(number, up, axis=1)
    return labels, peaks, np.where(peaks >= 0, at_peaks, -np.inf)


def _passes(
    heights: np.ndarray, neighbours: np.ndarray, labels: np.ndarray, num_maxima: int
) -> np.ndarray:
    """Height of the lowest draw on the highest path between each two maxima."""
    num_samples, _, k = neighbours.shape
    flat = neighbours.reshape(num_samples, -1)
    there = np.take_along_axis(labels, flat, axis=1)
    here = np.repeat(labels, k, axis=1)
    lower = np.minimum(np.repeat(heights, k, axis=1), np.take_along_axis(heights, flat, axis=1))
    sample, edge = np.nonzero(here != there)
    passes = np.full((num_samples, num_maxima, num_maxima), -np.inf)
    places = (sample, here[sample, edge], there[sample, edge])
    np.maximum.at(passes, places, lower[sample, edge])
    passes = np.maximum(passes, passes.swapaxes(1, 2))
    # Highest paths by way of one maximum after another (Floyd and Warshall).
    for i in range(num_maxima):
        passes = np.maximum(passes, np.minimum(passes[:, :, i : i + 1], passes[:, i : i + 1, :]))
    return passes
