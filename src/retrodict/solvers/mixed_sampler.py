"""A posterior that is a weighted mixture of several posteriors of the same observations."""

from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Float

from retrodict.errors import CapabilityError
from retrodict.problems.base import seed_sequence
from retrodict.solvers.sampler import AbstractPosteriorSampler
from retrodict.solvers.stacking import mixture_log_density
from retrodict.typing import Key

_NUM_STARTS = 1000


class MixedSampler(AbstractPosteriorSampler):
    """q(x | y) = sum_k w_k q_k(x | y).

    Args:
        members: the posteriors q_k of one batch of observations.
        weights: w_k, summing to one.
        num_observations: in the batch.
    """

    def __init__(
        self,
        members: Sequence[AbstractPosteriorSampler],
        weights: Float[np.ndarray, " members"],
        num_observations: int,
    ) -> None:
        self.members = tuple(members)
        self.weights = weights
        self.num_observations = num_observations

    @property
    def has_density(self) -> bool:
        return all(member.has_density for member in self.members)

    @property
    def has_point_masses(self) -> bool:
        return any(member.has_point_masses for member in self.members)

    def sample(self, key: Key, num_draws: int) -> Float[np.ndarray, "observations draws dim"]:
        """Draw i of an observation does not depend on how many are asked for.

        The n-th draw that falls to a member is its n-th draw, so that all members together make
        few more draws than are asked for.
        """
        key_choice, *keys = jax.random.split(key, len(self.members) + 1)
        rng = np.random.default_rng(seed_sequence(key_choice))
        uniform = rng.random((num_draws, self.num_observations)).T
        ends = np.cumsum(self.weights)
        chosen = np.searchsorted(ends / ends[-1], uniform, side="right")
        mine = chosen == np.arange(len(self.members))[:, None, None]
        drawn = {
            k: self.members[k].sample(keys[k], int(most))
            for k, most in enumerate(mine.sum(axis=2).max(axis=1))
            if most
        }
        found = np.empty((*chosen.shape, next(iter(drawn.values())).shape[-1]))
        for k, draws in drawn.items():
            row, _ = np.nonzero(mine[k])
            found[mine[k]] = draws[row, (mine[k].cumsum(axis=1) - 1)[mine[k]]]
        return found

    def log_prob(
        self, x: Float[np.ndarray, "observations num dim"]
    ) -> Float[np.ndarray, "observations num"]:
        self._require_density("log_prob")
        of_each = [member.log_prob(x) for member in self.members]
        return mixture_log_density(np.stack(of_each, axis=-1), self.weights)

    def mode(self, key: Key) -> Float[np.ndarray, "observations dim"]:
        """The best of the members' modes and of 1,000 draws."""
        self._require_density("mode")
        key_draws, *keys = jax.random.split(key, len(self.members) + 1)
        modes = [member.mode(k) for member, k in zip(self.members, keys, strict=True)]
        tried = np.concatenate([np.stack(modes, axis=1), self.sample(key_draws, _NUM_STARTS)], 1)
        best = self.log_prob(tried).argmax(axis=1)
        return np.take_along_axis(tried, best[:, None, None], axis=1)[:, 0]

    def _require_density(self, wanted: str) -> None:
        if not self.has_density:
            raise CapabilityError(
                f"`{wanted}` needs the densities of all members; these give draws only.",
                "Use `sample` or `summary`, or an ensemble of e.g. `ConditionalFlow`.",
            )
