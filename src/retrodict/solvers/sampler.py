"""Where the draws of a posterior come from: one interface for networks, tables and chains."""

import abc
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from retrodict.distributions import AbstractDistribution, AbstractGenerator
from retrodict.errors import CapabilityError
from retrodict.solvers import density
from retrodict.solvers.scaling import Scaling
from retrodict.typing import Key

_NUM_STARTS = 1000


class WeightedDraws(NamedTuple):
    """Draws of each observation, and how much each counts.

    Attributes:
        x: in the user's units.
        weights: summing to one; None where all weigh the same.
    """

    x: Float[np.ndarray, "observations draws dim"]
    weights: Float[np.ndarray, "observations draws"] | None


class AbstractPosteriorSampler(abc.ABC):
    """p(x | y) for a batch of observations, in the user's units."""

    @property
    def has_density(self) -> bool:
        """Whether `log_prob` answers."""
        return type(self).log_prob is not AbstractPosteriorSampler.log_prob

    @property
    def has_point_masses(self) -> bool:
        """Whether single values of a parameter carry probability of their own."""
        return False

    @abc.abstractmethod
    def sample(self, key: Key, num_draws: int) -> Float[np.ndarray, "observations draws dim"]:
        """Draws for each observation, within the bounds."""

    def draws_for_summary(self, key: Key, num_draws: int) -> WeightedDraws:
        """Draws to summarise: as many as asked for, unless others say more."""
        return WeightedDraws(self.sample(key, num_draws), None)

    def log_prob(
        self, x: Float[np.ndarray, "observations num dim"]
    ) -> Float[np.ndarray, "observations num"]:
        """log p(x | y) of each row under its observation.

        Raises:
            CapabilityError: this posterior is known by its draws only.
        """
        del x
        raise _only_draws(self, "log_prob")

    def mode(self, key: Key) -> Float[np.ndarray, "observations dim"]:
        """The most probable x of each observation.

        Raises:
            CapabilityError: this posterior is known by its draws only.
        """
        del key
        raise _only_draws(self, "mode")

    def summary_columns(self, key: Key) -> dict[str, Float[np.ndarray, "observations dim"]]:
        """Further columns of a summary, by name: what only this kind of posterior can tell."""
        del key
        return {}


class ScaledDistribution(AbstractPosteriorSampler):
    """A trained distribution of u given c, seen through the scaling of x and y.

    Args:
        distribution: of scaled causes, given scaled observations.
        scaling: of both.
        y: observations in the user's units.
    """

    def __init__(
        self,
        distribution: AbstractGenerator,
        scaling: Scaling,
        y: Float[np.ndarray, "observations cond"],
    ) -> None:
        self.distribution = distribution
        self.scaling = scaling
        self.condition = scaling.condition(y)
        self._y = y

    @property
    def has_density(self) -> bool:
        return isinstance(self.distribution, AbstractDistribution)

    @property
    def has_point_masses(self) -> bool:
        return self.scaling.point_masses.any

    def sample(self, key: Key, num_draws: int) -> Float[np.ndarray, "observations draws dim"]:
        """Draw i of an observation does not depend on how many are asked for."""
        u = density.draws(self.distribution, key, self.condition, num_draws)
        c = np.repeat(self.condition, num_draws, axis=0)
        return self.scaling.inverse(u.reshape(len(c), -1), c).reshape(u.shape)

    def log_prob(
        self, x: Float[np.ndarray, "observations num dim"]
    ) -> Float[np.ndarray, "observations num"]:
        if not isinstance(self.distribution, AbstractDistribution):
            raise _only_draws(self, "log_prob")
        num = x.shape[1]
        c = np.repeat(self.condition, num, axis=0)
        flat = x.reshape(len(c), -1)
        masses = self.scaling.point_masses
        inside = np.all((flat >= masses.lower) & (flat <= masses.upper), axis=1)
        y = np.repeat(self._y, num, axis=0)
        # Outside the support any value inside stands in, for its result is not used.
        safe = np.where(inside.reshape(-1, 1), masses.centre(flat), self.scaling.x_reference)
        u, _, log_det = self.scaling.forward(safe, y)
        log_prob = density.log_prob(self.distribution, u, c) + log_det + masses.log_width(flat)
        return np.where(inside, log_prob, -np.inf).reshape(x.shape[:-1])

    def mode(self, key: Key) -> Float[np.ndarray, "observations dim"]:
        if not isinstance(self.distribution, AbstractDistribution):
            raise _only_draws(self, "mode")
        u = density.draws(self.distribution, key, self.condition, _NUM_STARTS)
        best = density.modes(self.distribution, self.scaling, u, self.condition)
        return self.scaling.inverse(best, self.condition)


def _only_draws(sampler: object, wanted: str) -> CapabilityError:
    name = type(getattr(sampler, "distribution", sampler)).__name__
    return CapabilityError(
        f"`{wanted}` needs the density of the posterior; {name} gives draws only.",
        "Use `sample` or `summary`, or a solver with a density, e.g. `ConditionalFlow`.",
    )
