"""What a variational autoencoder is made of: encoder, decoder, prior and likelihood."""

import math
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from retrodict.distributions import (
    AbstractDistribution,
    Bernoulli,
    NegativeBinomial,
    Normal,
    StandardNormal,
    ZeroInflatedNegativeBinomial,
    normal_kl,
)
from retrodict.networks import DenseNetwork
from retrodict.typing import Array, Float, Key, Scalar

LIKELIHOODS = (
    "gaussian",
    "bernoulli",
    "negative-binomial",
    "zero-inflated-negative-binomial",
)
COUNTS = ("negative-binomial", "zero-inflated-negative-binomial")
# Log-deviations of the posterior and log-means of counts beyond these are no longer numbers.
_LARGEST_LOG = 15.0
_START_DISPERSION = 1.0


class LatentModel(eqx.Module):
    """p(x | c) = int p(x | z, c) p(z) dz, with an encoder q(z | x, c) to train it by.

    Args:
        dim, latent_dim, cond_dim: lengths of x, z and c; no condition at 0.
        encoder, decoder: widths of the hidden layers of the networks.
        activation, use_bias: of both, see `networks.DenseNetwork`.
        likelihood: of x given z, one of `LIKELIHOODS`.
        decoder_sd: of the Gaussian likelihood: a number that stays as it is, "learned" (one for
            all columns) or "per-feature".
        prior: of z: None for N(0, I).
    """

    encoder: DenseNetwork
    decoder: DenseNetwork
    prior: AbstractDistribution
    log_spread: Float[Array, "..."] | None
    likelihood: str = eqx.field(static=True)
    fixed_sd: float | None = eqx.field(static=True)

    def __init__(
        self,
        dim: int,
        latent_dim: int,
        cond_dim: int,
        encoder: Sequence[int],
        decoder: Sequence[int],
        *,
        activation: str,
        use_bias: bool,
        likelihood: str,
        decoder_sd: float | str,
        prior: AbstractDistribution | None,
        key: Key,
    ) -> None:
        key_encoder, key_decoder = jr.split(key)
        outputs = 2 * dim if likelihood == "zero-inflated-negative-binomial" else dim
        self.encoder = DenseNetwork(
            [dim + cond_dim, *encoder, 2 * latent_dim],
            activation,
            use_bias=use_bias,
            key=key_encoder,
        )
        self.decoder = DenseNetwork(
            [latent_dim + cond_dim, *decoder, outputs],
            activation,
            use_bias=use_bias,
            key=key_decoder,
        )
        self.prior = StandardNormal((latent_dim,)) if prior is None else prior
        self.likelihood = likelihood
        self.fixed_sd = None
        self.log_spread = None
        if likelihood in COUNTS:
            self.log_spread = jnp.full(dim, math.log(_START_DISPERSION))
        elif likelihood == "gaussian":
            if decoder_sd == "learned":
                self.log_spread = jnp.zeros(())
            elif decoder_sd == "per-feature":
                self.log_spread = jnp.zeros(dim)
            else:
                self.fixed_sd = float(decoder_sd)

    def encode(self, x: Float[Array, " dim"], condition: Float[Array, " cond"] | None) -> Normal:
        """q(z | x, c)."""
        # Counts span decades, of which the network sees the logarithm.
        seen = jnp.log1p(x) if self.likelihood in COUNTS else x
        loc, log_scale = jnp.split(self.encoder(_joined(seen, condition)), 2)
        log_scale = jnp.clip(log_scale, -_LARGEST_LOG, _LARGEST_LOG)
        template = Normal(loc, 1.0)
        return eqx.tree_at(lambda normal: normal.log_scale, template, log_scale)

    def decode(
        self, z: Float[Array, " latent"], condition: Float[Array, " cond"] | None
    ) -> Normal | Bernoulli | NegativeBinomial | ZeroInflatedNegativeBinomial:
        """p(x | z, c)."""
        out = self.decoder(_joined(z, condition))
        if self.likelihood == "bernoulli":
            return Bernoulli(out)
        if self.likelihood == "gaussian":
            return Normal(out, self._spread())
        dispersion = self._spread()
        if self.likelihood == "negative-binomial":
            return NegativeBinomial(_positive(out), dispersion)
        log_mean, zero_logits = jnp.split(out, 2)
        return ZeroInflatedNegativeBinomial(
            _positive(log_mean), dispersion, jax.nn.sigmoid(zero_logits)
        )

    def _spread(self) -> Float[Array, "..."]:
        """Standard deviation of a Gaussian, dispersion of counts."""
        if self.log_spread is None:
            return jnp.asarray(self.fixed_sd, float)
        return jnp.exp(jnp.clip(self.log_spread, -_LARGEST_LOG, _LARGEST_LOG))

    def mean(
        self, z: Float[Array, " latent"], condition: Float[Array, " cond"] | None
    ) -> Float[Array, " dim"]:
        """E[x | z, c]."""
        return self.decode(z, condition).mean

    def reconstruction_and_kl(
        self, x: Float[Array, " dim"], condition: Float[Array, " cond"] | None, key: Key
    ) -> tuple[Scalar, Float[Array, " latent"]]:
        """-log p(x | z, c) at a draw of z, and the divergence of the posterior from the prior.

        Each latent number by itself and exactly for a standard normal prior; of a flow the whole,
        estimated at the same draw, spread evenly.
        """
        posterior = self.encode(x, condition)
        z = posterior.sample(key)
        reconstruction = -self.decode(z, condition).log_prob(x)
        if isinstance(self.prior, StandardNormal):
            return reconstruction, normal_kl(posterior, self.prior)
        kl = posterior.log_prob(z) - self.prior.log_prob(z)
        return reconstruction, jnp.full(z.shape, kl / z.size)

    def log_weights(
        self,
        x: Float[Array, " dim"],
        condition: Float[Array, " cond"] | None,
        key: Key,
        num_samples: int,
    ) -> Float[Array, " samples"]:
        """log p(x | z, c) p(z) / q(z | x, c) at draws of z from the encoder."""
        posterior = self.encode(x, condition)

        def one(key: Key) -> Scalar:
            z = posterior.sample(key)
            joint = self.decode(z, condition).log_prob(x) + self.prior.log_prob(z)
            return joint - posterior.log_prob(z)

        return jax.vmap(one)(jr.split(key, num_samples))


def _joined(
    values: Float[Array, " values"], condition: Float[Array, " cond"] | None
) -> Float[Array, " joined"]:
    return values if condition is None else jnp.concatenate([values, condition])


def _positive(log_mean: Float[Array, " dim"]) -> Float[Array, " dim"]:
    return jnp.exp(jnp.clip(log_mean, -_LARGEST_LOG, _LARGEST_LOG))
