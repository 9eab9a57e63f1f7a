"""Maximum likelihood."""

import jax
import jax.numpy as jnp

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
        key: unused, because the likelihood is not random; every objective takes one.
    """
    del key
    x, condition = batch
    return -jnp.mean(jax.vmap(distribution.log_prob)(x, condition))
