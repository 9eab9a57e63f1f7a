"""The normal distribution with independent entries."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from retrodict.distributions.base import AbstractDistribution, check_condition
from retrodict.typing import Array, Float, Key, Scalar

_LOG_TWO_PI = float(np.log(2 * np.pi))


class Normal(AbstractDistribution):
    """N(loc, diag(scale)^2).

    Args:
        loc: mean of each entry.
        scale: standard deviation of each entry, positive.
    """

    loc: Float[Array, "..."]
    log_scale: Float[Array, "..."]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(
        self,
        loc: Float[Array, "..."] | np.ndarray | float,
        scale: Float[Array, "..."] | np.ndarray | float,
    ) -> None:
        loc, scale = jnp.broadcast_arrays(jnp.asarray(loc, float), jnp.asarray(scale, float))
        self.loc = loc
        self.log_scale = jnp.log(scale)
        self.shape = loc.shape
        self.cond_shape = None

    @property
    def mean(self) -> Float[Array, "..."]:
        """Mean of each entry."""
        return self.loc

    @property
    def scale(self) -> Float[Array, "..."]:
        """Standard deviation of each entry."""
        return jnp.exp(self.log_scale)

    def log_prob(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> Scalar:
        check_condition(condition, self.cond_shape)
        z = (x - self.loc) * jnp.exp(-self.log_scale)
        return (-0.5 * (z * z + _LOG_TWO_PI) - self.log_scale).sum()

    def sample(self, key: Key, condition: Float[Array, "..."] | None = None) -> Float[Array, "..."]:
        check_condition(condition, self.cond_shape)
        return self.loc + self.scale * jr.normal(key, self.shape, self.loc.dtype)


class StandardNormal(AbstractDistribution):
    """N(0, I): the base of a flow. It has no parameters, so training leaves it alone."""

    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(default=None, static=True)

    def log_prob(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> Scalar:
        check_condition(condition, self.cond_shape)
        return -0.5 * (x * x + _LOG_TWO_PI).sum()

    def sample(self, key: Key, condition: Float[Array, "..."] | None = None) -> Float[Array, "..."]:
        check_condition(condition, self.cond_shape)
        return jr.normal(key, self.shape)
