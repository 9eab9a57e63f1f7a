"""Student's t distribution with independent entries."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from retrodict.distributions.base import AbstractDistribution, check_condition
from retrodict.typing import Array, Float, Key, Scalar


class StudentT(AbstractDistribution):
    """Student's t in each entry: a normal with tails that fall off as |z|^-(df + 1).

        log p(x) = sum_i log G((df + 1) / 2) - log G(df / 2) - log(df pi) / 2 - log scale
                         - (df + 1) / 2 log(1 + z^2 / df),     z = (x - loc) / scale

    Stored without constraints: the logarithms of `df` and `scale`.

    Args:
        df: degrees of freedom, positive.
        loc: centre of each entry.
        scale: of each entry, positive.
    """

    log_df: Float[Array, "..."]
    loc: Float[Array, "..."]
    log_scale: Float[Array, "..."]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(
        self,
        df: Float[Array, "..."] | np.ndarray | float,
        loc: Float[Array, "..."] | np.ndarray | float,
        scale: Float[Array, "..."] | np.ndarray | float,
    ) -> None:
        df, loc, scale = jnp.broadcast_arrays(
            jnp.asarray(df, float), jnp.asarray(loc, float), jnp.asarray(scale, float)
        )
        self.log_df = jnp.log(df)
        self.loc = loc
        self.log_scale = jnp.log(scale)
        self.shape = loc.shape
        self.cond_shape = None

    def log_prob(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> Scalar:
        check_condition(condition, self.cond_shape)
        df = jnp.exp(self.log_df)
        z = (x - self.loc) * jnp.exp(-self.log_scale)
        log_normaliser = (
            jax.scipy.special.gammaln(0.5 * df)
            - jax.scipy.special.gammaln(0.5 * (df + 1))
            + 0.5 * (self.log_df + float(np.log(np.pi)))
            + self.log_scale
        )
        return (-0.5 * (df + 1) * jnp.log1p(z * z / df) - log_normaliser).sum()

    def sample(self, key: Key, condition: Float[Array, "..."] | None = None) -> Float[Array, "..."]:
        check_condition(condition, self.cond_shape)
        t = jr.t(key, jnp.exp(self.log_df), self.shape, self.loc.dtype)
        return self.loc + jnp.exp(self.log_scale) * t
