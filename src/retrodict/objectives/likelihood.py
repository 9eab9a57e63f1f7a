"""Maximum likelihood."""

import jax
import jax.numpy as jnp

from retrodict.bijections import is_random, renew_randomness
from retrodict.distributions.base import AbstractDistribution
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
