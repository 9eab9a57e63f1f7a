"""Maximum likelihood."""

import equinox as eqx
import jax
import jax.numpy as jnp

from retrodict.bijections import is_random, renew_randomness
from retrodict.distributions.base import AbstractDistribution
from retrodict.distributions.mixture import Mixture
from retrodict.typing import Array, Float, Key, Scalar


def negative_log_likelihood(
    distribution: AbstractDistribution,
    batch: tuple[Float[Array, "rows ..."], Float[Array, "rows ..."] | None],
    key: Key,
) -> Scalar:
    """Mean over the batch of -log p(x | condition), in nats.

    Its minimum over distributions is reached at the true conditional density, which makes it
    the amortised objective of neural posterior estimation (Papamakarios & Murray 2016,
    arXiv:1605.06376, eq. 2).

    Args:
        distribution: of one example x given one condition.
        batch: rows of x, and of the condition or None without one.
        key: of the random numbers of a flow that estimates its log-determinant, independent
            for each row; unused otherwise.
    """
    x, condition = batch
    if not is_random(distribution):
        return -jnp.mean(jax.vmap(distribution.log_prob)(x, condition))

    def log_prob(x: Float[Array, "..."], condition: Float[Array, "..."] | None, key: Key) -> Scalar:
        return renew_randomness(distribution, key).log_prob(x, condition)

    return -jnp.mean(jax.vmap(log_prob)(x, condition, jax.random.split(key, len(x))))


def members_negative_log_likelihood(
    mixture: Mixture,
    batch: tuple[Float[Array, "rows ..."], Float[Array, "rows ..."] | None],
    key: Key,
) -> Scalar:
    """Mean over components and batch of -log p_k(x | condition), in nats.

    Each component learns for itself, as if it were alone (Lakshminarayanan et al. 2017,
    arXiv:1612.01474); the likelihood of the mixture would have them share out the data instead.
    By Jensen's inequality it is never less than the negative log-likelihood of the mixture with
    equal weights.

    Args:
        mixture: whose weights do not count here.
        batch: as in `negative_log_likelihood`.
        key: likewise.
    """

    @eqx.filter_vmap(in_axes=(eqx.if_array(0), None, 0))
    def of_one(
        component: AbstractDistribution,
        batch: tuple[Float[Array, "rows ..."], Float[Array, "rows ..."] | None],
        key: Key,
    ) -> Scalar:
        return negative_log_likelihood(component, batch, key)

    return of_one(mixture.components, batch, jax.random.split(key, len(mixture.logits))).mean()
