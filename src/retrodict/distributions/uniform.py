"""The uniform distribution on a box."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from retrodict.distributions.base import AbstractDistribution, check_condition
from retrodict.typing import Array, Float, Key, Scalar


class Uniform(AbstractDistribution):
    """Uniform on the box [lower, upper], bounds included; -inf outside. It is not trained.

        log p(x) = -sum_i log(upper_i - lower_i)

    Args:
        lower, upper: bounds of each entry, lower < upper.
    """

    lower: Float[Array, "..."]
    upper: Float[Array, "..."]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(
        self,
        lower: Float[Array, "..."] | np.ndarray | float,
        upper: Float[Array, "..."] | np.ndarray | float,
    ) -> None:
        lower, upper = jnp.broadcast_arrays(jnp.asarray(lower, float), jnp.asarray(upper, float))
        self.lower = lower
        self.upper = upper
        self.shape = lower.shape
        self.cond_shape = None

    def log_prob(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> Scalar:
        check_condition(condition, self.cond_shape)
        lower, upper = jax.lax.stop_gradient((self.lower, self.upper))
        log_density = jnp.where((x < lower) | (x > upper), -jnp.inf, -jnp.log(upper - lower))
        # NaN lies neither below nor above: it must come out as itself, not as a density.
        return jnp.where(jnp.isnan(x), x, log_density).sum()

    def sample(self, key: Key, condition: Float[Array, "..."] | None = None) -> Float[Array, "..."]:
        check_condition(condition, self.cond_shape)
        lower, upper = jax.lax.stop_gradient((self.lower, self.upper))
        share = jr.uniform(key, self.shape, self.lower.dtype)
        # Rounding may carry the sum past the bound by one unit in the last place.
        return jnp.minimum(lower + share * (upper - lower), upper)
