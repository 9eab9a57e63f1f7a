"""Losses of networks that predict with probabilities."""

import math
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.random as jr

from retrodict.typing import Array, Float, Key, Scalar

Batch = tuple[Float[Array, "rows in"], Float[Array, "rows targets"], Float[Array, "rows members"]]


@runtime_checkable
class Predictor(Protocol):
    """One network or several, each of which gives the targets a density."""

    def log_likelihood(
        self, x: Float[Array, "rows in"], y: Float[Array, "rows targets"], key: Key | None
    ) -> Float[Array, "members rows"]:
        """log p(y | x, w) of each row for each network, at a draw of what is random in it."""
        ...

    def predicted_mean(
        self, x: Float[Array, "rows in"], key: Key | None
    ) -> Float[Array, "members rows targets"]:
        """E[y | x, w] of each row for each network, likewise."""
        ...

    def complexity(self, key: Key | None) -> Float[Array, " members"]:
        """What the weights of each network cost, in nats; with a key, estimated."""
        ...


class WeightedLikelihood(eqx.Module):
    """Per row and network: -E_q log p(y | x, w) + complexity / N.

    With the divergence KL(q || p) of a posterior over weights from their prior as complexity the
    negative evidence lower bound per row (Graves 2011; Blundell et al. 2015, arXiv:1505.05424),
    with -log p(w) that of the most probable weights.

    A batch is (x, y, weight): how much each row counts for each network, with mean 1 over the
    rows of that network.

    Args:
        num_rows: N, from which each network learns.
        num_draws: of the weights for each step, over which E_q is taken.
        is_sampled: whether the complexity is estimated from a draw, too.
    """

    num_rows: Float[Array, ""]
    num_draws: int = eqx.field(default=1, static=True)
    is_sampled: bool = eqx.field(default=False, static=True)

    def __call__(self, model: Predictor, batch: Batch, key: Key) -> Scalar:
        x, y, weight = batch
        key_draws, key_complexity = jr.split(key)
        log_likelihood = jax.vmap(lambda k: model.log_likelihood(x, y, k))(
            jr.split(key_draws, self.num_draws)
        )
        complexity = model.complexity(key_complexity if self.is_sampled else None)
        fit = -(weight.T * log_likelihood.mean(axis=0)).mean()
        return fit + complexity.mean() / self.num_rows.astype(complexity.dtype)


class PredictiveLikelihood(eqx.Module):
    """Per row and network: -log E_q p(y | x, w), the expectation over draws of the weights.

    Args:
        num_draws: of the weights; 1 where nothing is random.
    """

    num_draws: int = eqx.field(default=1, static=True)

    def __call__(self, model: Predictor, batch: Batch, key: Key) -> Scalar:
        x, y, weight = batch
        log_likelihood = jax.vmap(lambda k: model.log_likelihood(x, y, k))(
            jr.split(key, self.num_draws)
        )
        log_mean = jax.nn.logsumexp(log_likelihood, axis=0) - math.log(self.num_draws)
        return -(weight.T * log_mean).mean()


class PredictiveError(eqx.Module):
    """Per row and network: (y - E_q f(x))^2, summed over the targets.

    Args:
        num_draws: of the weights; 1 where nothing is random.
    """

    num_draws: int = eqx.field(default=1, static=True)

    def __call__(self, model: Predictor, batch: Batch, key: Key) -> Scalar:
        x, y, weight = batch
        means = jax.vmap(lambda k: model.predicted_mean(x, k))(jr.split(key, self.num_draws))
        squares = ((means.mean(axis=0) - y) ** 2).sum(axis=-1)
        return (weight.T * squares).mean()
