"""Modes of posteriors: how many different causes explain an observation, and how likely each is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import Json, finite_array, parameter_names
from retrodict.diagnostics.mode_search import (
    NUM_NEIGHBOURS,
    Basins,
    prominence_by_chance,
    samples_at_once,
    search,
)
from retrodict.errors import ConfigurationError, ConstantColumnError, TooFewRowsError

MAX_DRAWS = 300
MIN_DRAWS = 5 * NUM_NEIGHBOURS
# A draw with more copies than this has a distance of zero to most of its neighbours.
_MOST_COPIES = NUM_NEIGHBOURS // 2


@dataclass(frozen=True)
class PosteriorModes:
    """The separate groups of draws that explain each observation.

    Attributes:
        num_modes: of each posterior.
        weights: share of the draws in each mode, the heaviest first; 0 where there are fewer.
        locations: the draw of highest estimated density in each mode, in the parameters'
            units; NaN where there are fewer.
        labels: mode of each draw that was used, from 0; -1 in a group too small to be one.
        used: which draws were used.
        prominences: log density of each mode above the pass to a higher one; infinite for
            the highest and for modes that nothing connects, 0 where there are fewer.
        prominences_by_chance: what a second mode has to exceed, of each posterior.
        min_weight: of a mode.
        names: of the parameters.
    """

    num_modes: Int[np.ndarray, " observations"]
    weights: Float[np.ndarray, "observations modes"]
    locations: Float[np.ndarray, "observations modes dim"]
    labels: Int[np.ndarray, "observations used"]
    used: Int[np.ndarray, " used"]
    prominences: Float[np.ndarray, "observations modes"]
    prominences_by_chance: Float[np.ndarray, " observations"]
    min_weight: float
    names: tuple[str, ...]

    @property
    def share_ambiguous(self) -> float:
        """Share of observations with more than one mode."""
        return float((self.num_modes > 1).mean())

    def to_dict(self) -> Json:
        return {
            "share_ambiguous": self.share_ambiguous,
            "num_modes": self.num_modes.tolist(),
            "weights": [
                row[:num].tolist() for row, num in zip(self.weights, self.num_modes, strict=True)
            ],
            "locations": [
                [dict(zip(self.names, place, strict=True)) for place in row[:num].tolist()]
                for row, num in zip(self.locations, self.num_modes, strict=True)
            ],
            "min_weight": self.min_weight,
            "num_draws": len(self.used),
        }

    def __str__(self) -> str:
        num = len(self.num_modes)
        if num == 1:
            return self._of_one()
        ambiguous = self.num_modes > 1
        if not ambiguous.any():
            return (
                f"None of {num} posteriors shows more than one mode with a weight of at least "
                f"{self.min_weight:.0%}: mean and intervals describe them."
            )
        typical = float(np.median(self.weights[ambiguous, 0]))
        return (
            f"{int(ambiguous.sum())} of {num} posteriors ({self.share_ambiguous:.0%}) have more "
            f"than one mode, up to {self.num_modes.max()}, the heaviest with {typical:.0%} of the "
            "draws in the median; their mean may lie where there is no solution: report the "
            "modes, or measure what tells them apart."
        )

    def _of_one(self) -> str:
        if self.num_modes[0] == 1:
            return (
                "The posterior shows one mode with a weight of at least "
                f"{self.min_weight:.0%}: mean and intervals describe it."
            )
        listed = "; ".join(
            f"{weight:.0%} around "
            + ", ".join(
                f"{name} = {value:.3g}" for name, value in zip(self.names, place, strict=True)
            )
            for weight, place in zip(
                self.weights[0, : self.num_modes[0]], self.locations[0], strict=False
            )
        )
        return (
            f"The posterior has {self.num_modes[0]} modes: {listed}; its mean may lie where there "
            "is no solution: report the modes, or measure what tells them apart."
        )


def posterior_modes(
    draws: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    min_weight: float = 0.05,
) -> PosteriorModes:
    """Count the modes of each posterior, with their weights: is the answer ambiguous?

    Density-based clustering by persistence (`mode_search.search`): a mode counts if its log
    density rises above the pass to a higher one by more than the second mode of a uniform
    sample does in 2 % of the cases, and if it holds `min_weight` of the draws. The draws of
    those that do not count belong to the mode to which the highest pass leads.

    Of each posterior at most 300 draws are looked at, evenly spaced, in a metric of its own
    that takes out units and correlations. Two Gaussians of equal weight are told apart from
    five standard deviations on in up to ten dimensions, with weights of .8 and .2 from six on;
    in twenty dimensions they have to be more than eight apart.

    Args:
        draws: (observations, draws, dim), or (draws, dim) of one posterior.
        names: of the parameters; `x1 ... xN` by default.
        min_weight: share of the draws, 0 to .5.

    Raises:
        NonFiniteError, ShapeError, ConfigurationError: arguments that cannot answer the question.
        TooFewRowsError: fewer than 100 draws, or too many copies of some.
        ConstantColumnError: a posterior whose draws are all equal.
    """
    array = np.asarray(draws)
    array = array[None] if array.ndim == 2 else array
    array = finite_array("draws", array, ("observations", "draws", "dim"))
    _, num_draws, dim = array.shape
    labels_of = parameter_names(names, dim)
    if not 0 <= min_weight <= 0.5:
        raise ConfigurationError(
            f"`min_weight` is a share of the draws from 0 to .5; got {min_weight}.", "Use .05."
        )
    if num_draws < MIN_DRAWS:
        raise TooFewRowsError(
            f"Modes need at least {MIN_DRAWS} draws per observation; got {num_draws}.",
            f"Draw {MAX_DRAWS} from each posterior.",
        )
    used = np.linspace(0, num_draws - 1, min(num_draws, MAX_DRAWS)).round().astype(int)
    array = array[:, used].astype(float)
    _check_copies(array)
    size = samples_at_once(len(used))
    blocks = [
        _modes_of(array[first : first + size], min_weight) for first in range(0, len(array), size)
    ]
    num_modes = np.concatenate([block.num_modes for block in blocks])
    most = int(num_modes.max())
    parts = {
        name: np.concatenate([_widened(getattr(block, name), most, fill) for block in blocks])
        for name, fill in (("weights", 0.0), ("locations", np.nan), ("prominences", 0.0))
    }
    return PosteriorModes(
        num_modes=num_modes,
        **parts,
        labels=np.concatenate([block.labels for block in blocks]),
        used=used,
        prominences_by_chance=np.concatenate([block.by_chance for block in blocks]),
        min_weight=float(min_weight),
        names=labels_of,
    )


@dataclass(frozen=True)
class _Block:
    num_modes: np.ndarray
    weights: np.ndarray
    locations: np.ndarray
    prominences: np.ndarray
    labels: np.ndarray
    by_chance: np.ndarray


def _modes_of(draws: Float[np.ndarray, "block used dim"], min_weight: float) -> _Block:
    found = search(draws)
    by_chance = prominence_by_chance(found.intrinsic_dim, draws.shape[1])
    counts = found.prominences > by_chance[:, None]
    share = _shares(found.labels, _assigned(found, counts))
    # The heaviest is kept in any case, for every posterior has a mode.
    heaviest = share == share.max(axis=1, keepdims=True)
    counts &= (share >= min_weight) | heaviest
    target = _assigned(found, counts)
    share = _shares(found.labels, target)

    order = np.argsort(np.where(counts, -share, np.inf), axis=1, kind="stable")
    place = np.argsort(order, axis=1)
    target = np.where(target < 0, -1, np.take_along_axis(place, np.maximum(target, 0), axis=1))
    exists = np.take_along_axis(counts, order, axis=1)
    peaks = np.take_along_axis(np.maximum(found.peaks, 0), order, axis=1)
    locations = np.take_along_axis(draws, peaks[:, :, None], axis=1)
    return _Block(
        num_modes=counts.sum(axis=1),
        weights=np.where(exists, np.take_along_axis(share, order, axis=1), 0.0),
        locations=np.where(exists[:, :, None], locations, np.nan),
        prominences=np.where(exists, np.take_along_axis(found.prominences, order, axis=1), 0.0),
        labels=np.take_along_axis(target, found.labels, axis=1),
        by_chance=by_chance,
    )


def _assigned(found: Basins, counts: np.ndarray) -> np.ndarray:
    """For each maximum the one that stands for it: itself, or whither the highest pass leads.

    Among several with the same pass the highest, as in ToMATo; -1 where no path leads to any.
    """
    passes = np.where(counts[:, None, :], found.passes, -np.inf)
    highest = passes.max(axis=2, keepdims=True)
    tied = (passes == highest) & np.isfinite(highest)
    other = np.where(tied, found.heights[:, None, :], -np.inf).argmax(axis=2)
    other = np.where(tied.any(axis=2), other, -1)
    return np.where(counts, np.arange(counts.shape[1]), other)


def _shares(labels: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Share of the draws that each maximum stands for, (block, maxima)."""
    own = np.take_along_axis(target, labels, axis=1)
    return (own[:, :, None] == np.arange(target.shape[1])).mean(axis=1)


def _widened(values: np.ndarray, num: int, fill: float) -> np.ndarray:
    """`values` with `num` entries along the second axis."""
    missing = num - values.shape[1]
    if missing <= 0:
        return values[:, :num]
    return np.concatenate(
        [values, np.full((len(values), missing, *values.shape[2:]), fill)], axis=1
    )


def _check_copies(draws: Float[np.ndarray, "observations used dim"]) -> None:
    if (np.ptp(draws, axis=1) == 0).all(axis=1).any():
        rows = np.flatnonzero((np.ptp(draws, axis=1) == 0).all(axis=1))
        raise ConstantColumnError(
            f"The draws of {len(rows)} of {len(draws)} posteriors are all equal, the first at "
            f"{rows[:5].tolist()}: point estimates, not posteriors.",
            "Pass draws from the posterior.",
        )
    # Copies, and only they, agree along a random direction.
    along = (draws * np.random.default_rng(0).normal(size=draws.shape[2])).sum(axis=2)
    ordered = np.sort(along, axis=1)
    repeated = ordered[:, _MOST_COPIES:] == ordered[:, :-_MOST_COPIES]
    rows = np.flatnonzero(repeated.any(axis=1))
    if rows.size:
        raise TooFewRowsError(
            f"Some draws of {len(rows)} of {len(draws)} posteriors have more than {_MOST_COPIES} "
            f"copies among the {draws.shape[1]} used, the first at {rows[:5].tolist()}; copies "
            "look like modes.",
            "Thin the Markov chain, or resample from more proposals.",
        )
