"""What is known of numbers that were not measured: a mixture of normals for each."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize.elementwise import bracket_root, find_root
from scipy.special import logsumexp, ndtr, ndtri


@dataclass(frozen=True)
class NormalMixture:
    """Equally likely normals for each row and target.

    Each component is one network, or one draw of its weights; what it leaves open is noise and,
    where its own weights are uncertain in closed form, part of what more data would tell.

    Attributes:
        means: of the components.
        epistemic_sds: of the mean of a component, from weights that are uncertain within it.
        noise_sds: of the measurements about that mean.
    """

    means: Float[np.ndarray, "components rows targets"]
    epistemic_sds: Float[np.ndarray, "components rows targets"]
    noise_sds: Float[np.ndarray, "components rows targets"]

    @property
    def mean(self) -> Float[np.ndarray, "rows targets"]:
        return self.means.mean(axis=0)

    @property
    def epistemic_sd(self) -> Float[np.ndarray, "rows targets"]:
        """Spread of the mean: what more data like these would make smaller."""
        within = (self.epistemic_sds**2).mean(axis=0)
        return np.sqrt(self.means.var(axis=0) + within)

    @property
    def aleatoric_sd(self) -> Float[np.ndarray, "rows targets"]:
        """Spread about the mean: what no amount of data would make smaller."""
        return np.sqrt((self.noise_sds**2).mean(axis=0))

    @property
    def sd(self) -> Float[np.ndarray, "rows targets"]:
        """Of the whole: the two parts add up by their squares (law of total variance)."""
        return np.hypot(self.epistemic_sd, self.aleatoric_sd)

    def log_prob(self, y: Float[np.ndarray, "rows targets"]) -> Float[np.ndarray, " rows"]:
        """log of the density of all targets of a row together, in nats."""
        sds = self._sds
        log_normal = -(((y - self.means) / sds) ** 2) / 2 - np.log(sds) - np.log(2 * np.pi) / 2
        return logsumexp(log_normal.sum(axis=-1), axis=0) - np.log(len(self.means))

    def quantiles(
        self, levels: Float[np.ndarray, " levels"]
    ) -> Float[np.ndarray, "rows targets levels"]:
        """Values below which a target lies with these probabilities."""
        means, sds = self.means[..., None], self._sds[..., None]
        # All components reach a level between the first and the last of them that does.
        each = means + sds * ndtri(levels)
        low, high = each.min(axis=0), each.max(axis=0)

        def excess(
            value: np.ndarray, level: np.ndarray, row: np.ndarray, target: np.ndarray
        ) -> np.ndarray:
            z = (value - self.means[:, row, target]) / self._sds[:, row, target]
            return ndtr(z).mean(axis=0) - level

        rows, targets, wanted = np.indices(low.shape)
        arguments = (levels[wanted], rows, targets)
        # A single component is known already; rounding may leave the root just outside.
        width = 1e-9 * np.abs(self._sds).max() + 1e-300
        bracket = bracket_root(excess, low - width, high + width, args=arguments)
        return np.asarray(find_root(excess, bracket.bracket, args=arguments).x)

    def draws(
        self, num_draws: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "rows draws targets"]:
        """Values of the targets; those of one draw and row come from the same component."""
        which = rng.permuted(np.arange(num_draws) % len(self.means))
        normal = rng.standard_normal((num_draws, *self.mean.shape))
        return np.moveaxis(self.means[which] + self._sds[which] * normal, 0, 1)

    @property
    def _sds(self) -> Float[np.ndarray, "components rows targets"]:
        return np.hypot(self.epistemic_sds, self.noise_sds)


@dataclass(frozen=True)
class NumberUncertainty:
    """What a regressor leaves open, in the units of the targets.

    Attributes:
        mean: of the prediction.
        epistemic_sd: what more data like those of training would make smaller.
        aleatoric_sd: noise, which no amount of data would make smaller.
        sd: of the whole, sqrt(epistemic^2 + aleatoric^2).
    """

    mean: Float[np.ndarray, "rows *targets"]
    epistemic_sd: Float[np.ndarray, "rows *targets"]
    aleatoric_sd: Float[np.ndarray, "rows *targets"]

    @property
    def sd(self) -> Float[np.ndarray, "rows *targets"]:
        return np.hypot(self.epistemic_sd, self.aleatoric_sd)


@dataclass(frozen=True)
class ClassUncertainty:
    """What a classifier leaves open about each row, in nats.

    Attributes:
        entropy: of the predicted class.
        aleatoric: its mean over networks or draws of the weights: classes that overlap.
        epistemic: the mutual information of class and weights, what is left (Houlsby et al.
            2011, arXiv:1112.5745): high where networks are sure of different classes.
    """

    entropy: Float[np.ndarray, " rows"]
    aleatoric: Float[np.ndarray, " rows"]

    @property
    def epistemic(self) -> Float[np.ndarray, " rows"]:
        return np.maximum(self.entropy - self.aleatoric, 0.0)
