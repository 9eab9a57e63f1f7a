"""The simulations nearest to each observation, and draws from them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from retrodict.problems.base import seed_sequence
from retrodict.solvers.sampler import AbstractPosteriorSampler
from retrodict.typing import Int, Key

if TYPE_CHECKING:
    import scipy.spatial

_NUMBERS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Accepted:
    """Which simulations came nearest to each observation, and how near.

    Attributes:
        rows: of the table of simulations, nearest first.
        distances: of these to the observation, in scaled observables.
    """

    rows: Int[np.ndarray, "observations accepted"]
    distances: Float[np.ndarray, "observations accepted"]

    @property
    def radius(self) -> Float[np.ndarray, " observations"]:
        """Distance of the farthest accepted simulation."""
        return self.distances[:, -1]

    @property
    def weights(self) -> Float[np.ndarray, "observations accepted"]:
        """Epanechnikov's kernel, 1 - (distance / radius)^2; equal where all are equally far."""
        radius = self.radius[:, None]
        weights = 1 - (self.distances / np.where(radius > 0, radius, 1)) ** 2
        return np.where(weights.sum(axis=1, keepdims=True) > 0, weights, 1.0)


def nearest(
    tree: "scipy.spatial.KDTree", c: Float[np.ndarray, "observations cond"], num: int
) -> Accepted:
    """The `num` simulations of the tree nearest to each scaled observation."""
    distances, rows = tree.query(c, k=np.arange(1, num + 1), workers=-1)
    return Accepted(np.asarray(rows), np.asarray(distances))


def regression_adjusted(
    u: Float[np.ndarray, "rows dim"],
    c: Float[np.ndarray, "rows cond"],
    observed: Float[np.ndarray, "observations cond"],
    accepted: Accepted,
) -> Float[np.ndarray, "observations accepted dim"]:
    """u of the accepted rows, moved along a local-linear regression to the observation.

    The slope is the weighted least-squares one, of smallest norm where directions of c do not
    vary among the accepted rows.

    Args:
        u: scaled causes of all simulations.
        c: their scaled observables.
        observed: scaled observations.
        accepted: which rows to adjust for which observation.
    """
    num_observations, num_accepted = accepted.rows.shape
    numbers_each = num_accepted * (u.shape[1] + c.shape[1])
    num_blocks = -(-num_observations * numbers_each // _NUMBERS_AT_ONCE)
    blocks = np.array_split(np.arange(num_observations), min(num_blocks, num_observations))
    weights = accepted.weights
    return np.concatenate(
        [_adjusted(u, c, observed[i], accepted.rows[i], weights[i]) for i in blocks]
    )


def _adjusted(
    u: Float[np.ndarray, "rows dim"],
    c: Float[np.ndarray, "rows cond"],
    observed: Float[np.ndarray, "block cond"],
    rows: Int[np.ndarray, "block accepted"],
    weights: Float[np.ndarray, "block accepted"],
) -> Float[np.ndarray, "block accepted dim"]:
    share = (weights / weights.sum(axis=1, keepdims=True))[..., None]
    near_u, near_c = u[rows], c[rows]
    root = np.sqrt(share)
    centred_u = root * (near_u - (share * near_u).sum(axis=1, keepdims=True))
    centred_c = root * (near_c - (share * near_c).sum(axis=1, keepdims=True))
    slope = np.linalg.pinv(centred_c) @ centred_u
    return near_u - (near_c - observed[:, None]) @ slope


class AcceptedDraws(AbstractPosteriorSampler):
    """A posterior that is known by some draws for each observation, weighted or not.

    Args:
        x: the draws, in the user's units.
        weights: of each, positive sums; None where all weigh the same.
    """

    def __init__(
        self,
        x: Float[np.ndarray, "observations accepted dim"],
        weights: Float[np.ndarray, "observations accepted"] | None,
    ) -> None:
        self.x = x
        self.weights = weights

    def sample(self, key: Key, num_draws: int) -> Float[np.ndarray, "observations draws dim"]:
        """Draw i of an observation does not depend on how many are asked for."""
        shuffle, resample = (np.random.default_rng(s) for s in seed_sequence(key).spawn(2))
        num_observations, num_accepted = self.x.shape[:2]
        uniform = resample.random((num_draws, num_observations)).T
        if self.weights is None:
            order = shuffle.random((num_observations, num_accepted)).argsort(axis=1)
            chosen = (uniform * num_accepted).astype(np.int64)
            chosen[:, :num_accepted] = order[:, :num_draws]
        else:
            chosen = _weighted_choice(uniform, self.weights)
        return np.take_along_axis(self.x, chosen[..., None], axis=1)


def _weighted_choice(
    uniform: Float[np.ndarray, "observations draws"],
    weights: Float[np.ndarray, "observations accepted"],
) -> Int[np.ndarray, "observations draws"]:
    """Inverse of each observation's cumulative weights, all in one search."""
    num_observations, num_accepted = weights.shape
    cumulative = weights.cumsum(axis=1)
    # Observation i has the interval [i, i + 1) for itself.
    offset = np.arange(num_observations)[:, None]
    edges = (cumulative / cumulative[:, -1:] + offset).ravel()
    found = np.searchsorted(edges, (uniform + offset).ravel(), side="right")
    within = found.reshape(uniform.shape) - offset * num_accepted
    return np.minimum(within, num_accepted - 1)
