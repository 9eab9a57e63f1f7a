"""Counts that spread more than Poisson's, and counts with too many zeros."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from retrodict.distributions.base import AbstractDistribution, check_condition
from retrodict.typing import Array, Float, Key, Scalar


class NegativeBinomial(AbstractDistribution):
    """Counts of mean m and variance m + m^2 / r, each entry by itself.

        p(k) = Gamma(k + r) / (Gamma(r) k!) (r / (r + m))^r (m / (r + m))^k

    a Poisson distribution whose rate is gamma-distributed: the usual model of sequencing counts
    (Robinson and Smyth 2007, doi:10.1093/bioinformatics/btm453).

    Args:
        mean: m, positive.
        dispersion: r, positive; infinite for Poisson's. Small ones spread most.
    """

    log_mean: Float[Array, "..."]
    log_dispersion: Float[Array, "..."]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(
        self,
        mean: Float[Array, "..."] | np.ndarray | float,
        dispersion: Float[Array, "..."] | np.ndarray | float,
    ) -> None:
        mean, dispersion = jnp.broadcast_arrays(
            jnp.asarray(mean, float), jnp.asarray(dispersion, float)
        )
        self.log_mean = jnp.log(mean)
        self.log_dispersion = jnp.log(dispersion)
        self.shape = mean.shape
        self.cond_shape = None

    @property
    def mean(self) -> Float[Array, "..."]:
        """Expected count of each entry."""
        return jnp.exp(self.log_mean)

    def log_prob(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> Scalar:
        check_condition(condition, self.cond_shape)
        return _log_probs(x, self.log_mean, self.log_dispersion).sum()

    def sample(self, key: Key, condition: Float[Array, "..."] | None = None) -> Float[Array, "..."]:
        check_condition(condition, self.cond_shape)
        return _counts(key, self.log_mean, self.log_dispersion)


class ZeroInflatedNegativeBinomial(AbstractDistribution):
    """Zero with probability w, else a negative binomial count, each entry by itself.

        p(k) = w [k = 0] + (1 - w) p_NB(k)

    for transcripts that are missed although they were there (Lopez et al. 2018,
    doi:10.1038/s41592-018-0229-2).

    Args:
        mean, dispersion: of the negative binomial, as there.
        zero_probability: w, in (0, 1).
    """

    log_mean: Float[Array, "..."]
    log_dispersion: Float[Array, "..."]
    zero_logits: Float[Array, "..."]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(
        self,
        mean: Float[Array, "..."] | np.ndarray | float,
        dispersion: Float[Array, "..."] | np.ndarray | float,
        zero_probability: Float[Array, "..."] | np.ndarray | float,
    ) -> None:
        mean, dispersion, zero = jnp.broadcast_arrays(
            jnp.asarray(mean, float),
            jnp.asarray(dispersion, float),
            jnp.asarray(zero_probability, float),
        )
        self.log_mean = jnp.log(mean)
        self.log_dispersion = jnp.log(dispersion)
        self.zero_logits = jnp.log(zero) - jnp.log1p(-zero)
        self.shape = mean.shape
        self.cond_shape = None

    @property
    def mean(self) -> Float[Array, "..."]:
        """Expected count of each entry, zeros of both kinds included."""
        return jnp.exp(self.log_mean) * jax.nn.sigmoid(-self.zero_logits)

    def log_prob(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> Scalar:
        check_condition(condition, self.cond_shape)
        counted = jax.nn.log_sigmoid(-self.zero_logits) + _log_probs(
            x, self.log_mean, self.log_dispersion
        )
        missed = jax.nn.log_sigmoid(self.zero_logits)
        return jnp.where(x == 0, jnp.logaddexp(missed, counted), counted).sum()

    def sample(self, key: Key, condition: Float[Array, "..."] | None = None) -> Float[Array, "..."]:
        check_condition(condition, self.cond_shape)
        key_missed, key_count = jr.split(key)
        is_missed = jr.bernoulli(key_missed, jax.nn.sigmoid(self.zero_logits), self.shape)
        return jnp.where(is_missed, 0, _counts(key_count, self.log_mean, self.log_dispersion))


def _log_probs(
    x: Float[Array, "..."], log_mean: Float[Array, "..."], log_dispersion: Float[Array, "..."]
) -> Float[Array, "..."]:
    r = jnp.exp(log_dispersion)
    log_total = jnp.logaddexp(log_dispersion, log_mean)
    lgamma = jax.lax.lgamma
    return (
        lgamma(x + r)
        - lgamma(r)
        - lgamma(x + 1)
        + r * (log_dispersion - log_total)
        + x * (log_mean - log_total)
    )


def _counts(
    key: Key, log_mean: Float[Array, "..."], log_dispersion: Float[Array, "..."]
) -> Float[Array, "..."]:
    key_rate, key_count = jr.split(key)
    # In logarithms: with a small dispersion most rates are smaller than any number.
    log_rate = jr.loggamma(key_rate, jnp.exp(log_dispersion)) + log_mean - log_dispersion
    return jr.poisson(key_count, jnp.exp(log_rate)).astype(log_mean.dtype)
