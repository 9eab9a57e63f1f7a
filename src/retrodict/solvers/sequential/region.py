"""The highest-density region of a posterior, as a question to any x."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from retrodict._blocks import in_blocks
from retrodict.solvers.sampler import AbstractPosteriorSampler
from retrodict.typing import Bool, Key

_SIZES = (512, 2_048, 16_384)
# Whole blocks. At 1e-4 some five of them lie below the threshold.
NUM_DRAWS = 3 * 16_384


@dataclass(frozen=True)
class Region:
    """{x : log q(x | y) >= threshold}, for one observation y.

    Attributes:
        sampler: of q, for this observation alone.
        threshold: in nats, per unit volume of the user's x.
    """

    sampler: AbstractPosteriorSampler
    threshold: float

    @classmethod
    def of_highest_density(
        cls,
        sampler: AbstractPosteriorSampler,
        draws: Float[np.ndarray, "draws dim"],
        truncation: float,
    ) -> "Region":
        """What holds all but a share `truncation` of q (Hyndman 1996, doi:10.2307/2684423).

        The threshold is that quantile of log q over draws of q, whatever its shape.

        Args:
            sampler: of q.
            draws: of it, independent; several times more than 1 / truncation tell it well.
            truncation: the share left out.
        """
        return cls(sampler, float(np.quantile(_log_prob(sampler, draws), truncation)))

    def contains(self, x: Float[np.ndarray, "rows dim"]) -> Bool[np.ndarray, " rows"]:
        """Whether each row lies inside; none outside the bounds does."""
        return self.log_prob(x) >= self.threshold

    def log_prob(self, x: Float[np.ndarray, "rows dim"]) -> Float[np.ndarray, " rows"]:
        """Of q, which the region was found for."""
        return _log_prob(self.sampler, x)


def draws_of(sampler: AbstractPosteriorSampler, key: Key) -> Float[np.ndarray, "draws dim"]:
    """As many draws of q as its region takes."""
    return sampler.sample(key, NUM_DRAWS)[0]


def inside_all(
    regions: list[Region], x: Float[np.ndarray, "rows dim"]
) -> Bool[np.ndarray, " rows"]:
    """Which rows lie in every one of the regions."""
    inside = np.ones(len(x), bool)
    # The last one is the smallest, and leaves the others little to look at.
    for region in reversed(regions):
        rows = np.flatnonzero(inside)
        if not rows.size:
            break
        inside[rows] = region.contains(x[rows])
    return inside


def _log_prob(
    sampler: AbstractPosteriorSampler, x: Float[np.ndarray, "rows dim"]
) -> Float[np.ndarray, " rows"]:
    # Blocks of three sizes only: every other number of rows would be compiled for.
    size = next((size for size in _SIZES if len(x) <= size), _SIZES[-1])
    filled = -(-len(x) // size) * size
    rows = np.minimum(np.arange(filled), len(x) - 1)
    found: np.ndarray = in_blocks(
        lambda block: sampler.log_prob(block[None])[0], x[rows], block_size=size
    )
    return found[: len(x)]
