"""The Bernoulli distribution with independent entries."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from retrodict.distributions.base import AbstractDistribution, check_condition
from retrodict.typing import Array, Float, Key, Scalar


class Bernoulli(AbstractDistribution):
    """P(x_i = 1) = 1 / (1 + exp(-logits_i)), each entry by itself.

    For x between 0 and 1 `log_prob` is the negative cross-entropy, the usual reconstruction term
    for intensities (Kingma & Welling 2013, arXiv:1312.6114, app. C.1), but no density.

    Args:
        logits: log-odds of each entry.
    """

    logits: Float[Array, "..."]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(self, logits: Float[Array, "..."] | np.ndarray) -> None:
        self.logits = jnp.asarray(logits, float)
        self.shape = self.logits.shape
        self.cond_shape = None

    @property
    def mean(self) -> Float[Array, "..."]:
        """Probability of a one."""
        return jax.nn.sigmoid(self.logits)

    def log_prob(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> Scalar:
        check_condition(condition, self.cond_shape)
        return (x * self.logits - jax.nn.softplus(self.logits)).sum()

    def sample(self, key: Key, condition: Float[Array, "..."] | None = None) -> Float[Array, "..."]:
        check_condition(condition, self.cond_shape)
        return jr.bernoulli(key, self.mean, self.shape).astype(self.logits.dtype)
