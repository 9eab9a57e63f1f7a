"""Bounds that carry probability of their own, as for the slag of mixes many of which have none.

Intervals need a place for every value. Values exactly at such a bound are put at uniformly random
places of a strip beyond it: the distributional transform (Rüschendorf 2009; Oertel 2015,
arXiv:1312.4997), by which randomised quantile residuals (Dunn and Smyth 1996,
doi:10.2307/1390802) are uniform although values are tied. An interval of these, cut at the bound,
holds a value whenever it held the spread one: coverage can only grow.

Draws beside the bound are repaired by true causes beside it, and those at the bound stay: a random
place tells nothing of how wide the posterior should be.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True)
class PointMasses:
    """Which bounds carry probability, and the strips that stand for them.

    Attributes:
        lower, upper: bounds, one per parameter, infinite where there are none.
        lower_width, upper_width: of the strip beyond each bound; 0 without point mass.
    """

    lower: Float[np.ndarray, " dim"]
    upper: Float[np.ndarray, " dim"]
    lower_width: Float[np.ndarray, " dim"]
    upper_width: Float[np.ndarray, " dim"]

    @property
    def present(self) -> Bool[np.ndarray, " dim"]:
        """Which parameters have one."""
        return (self.lower_width > 0) | (self.upper_width > 0)

    @property
    def edges(self) -> tuple[Float[np.ndarray, " dim"], Float[np.ndarray, " dim"]]:
        """Bounds of the spread values, as far beyond the strips as those are wide."""
        return self.lower - 2 * self.lower_width, self.upper + 2 * self.upper_width

    def spread(
        self, x: Float[np.ndarray, "*rows dim"], rng: np.random.Generator
    ) -> Float[np.ndarray, "*rows dim"]:
        """Values within the edges: those at a point mass are anywhere in its strip."""
        return self._replaced(x, lambda end, num: end * rng.random(num))

    def beside(self, x: Float[np.ndarray, "*rows dim"]) -> Float[np.ndarray, "*rows dim"]:
        """Values within the bounds: those at a point mass are NaN."""
        return self._replaced(x, lambda _, num: np.full(num, np.nan))

    def cut(self, spread: Float[np.ndarray, "*rows dim"]) -> Float[np.ndarray, "*rows dim"]:
        """Spread values, those in a strip put back at the bound."""
        return np.clip(spread, self.lower, self.upper)

    def _replaced(self, x: np.ndarray, shift: Callable[[float, int], np.ndarray]) -> np.ndarray:
        """Values at a point mass shifted; those that rounding put at another bound moved inside."""
        found = x
        for bound, width, outward in (
            (self.lower, self.lower_width, -1.0),
            (self.upper, self.upper_width, 1.0),
        ):
            at_bound = x == bound
            for i in np.flatnonzero(at_bound.reshape(-1, at_bound.shape[-1]).any(axis=0)).tolist():
                found = np.array(x, dtype=float) if found is x else found
                rows = at_bound[..., i]
                found[rows, i] = (
                    bound[i] + shift(outward * width[i], int(rows.sum()))
                    if width[i] > 0
                    else np.nextafter(bound[i], -outward * np.inf)
                )
        return found


def find_point_masses(
    draws: Float[np.ndarray, "observations draws dim"],
    truth: Float[np.ndarray, "observations dim"],
    bounds: tuple[Float[np.ndarray, " dim"], Float[np.ndarray, " dim"]],
    smallest_share: float,
) -> PointMasses:
    """The bounds at which true causes lie, or a part of the draws of some observation.

    Strips are as wide as the other values lie from the bound in the median, so that both are of
    one scale.

    Args:
        draws: of the calibration observations, within their bounds.
        truth: their causes, likewise.
        bounds: lower and upper ones.
        smallest_share: of the draws of one observation; fewer at the bound are rounding.
    """
    widths = np.zeros((2, truth.shape[1]))
    for end, bound in enumerate(bounds):
        is_mass = (draws == bound).mean(axis=1).max(axis=0) >= smallest_share
        for i in np.flatnonzero(is_mass | (truth == bound).any(axis=0)).tolist():
            distances = np.abs(np.append(draws[..., i], truth[:, i]) - bound[i])
            others = distances[distances > 0]
            widths[end, i] = np.median(others) if others.size else 1.0
    return PointMasses(*bounds, *widths)
