"""What a variational autoencoder is made of: encoder, decoder, prior and likelihood."""

import math
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Shaped

from retrodict.distributions import (
    AbstractDistribution,
    Bernoulli,
    NegativeBinomial,
    Normal,
    StandardNormal,
    ZeroInflatedNegativeBinomial,
    normal_kl,
)
from retrodict.errors import CapabilityError
from retrodict.networks import DenseNetwork
from retrodict.typing import Array, Float, Key, Scalar
from retrodict.variational.flow_posterior import FlowPosterior
from retrodict.variational.heads import ClassHead, NumberHead
from retrodict.variational.linear_decoder import LinearDecoder

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
        encoder_condition: whether the encoder sees c; the decoder does.
        decoder_kind: "network" or "linear", which has no hidden layers and can be read.
        is_reached: of a linear decoder: which columns each latent number may change.
        head: what a label is given z; None where there are none.
        posterior: the flow that the encoder's normal is seen through, given as many features as
            its condition is long; None for the normal itself.
    """

    encoder: DenseNetwork
    decoder: DenseNetwork | LinearDecoder
    prior: AbstractDistribution
    log_spread: Float[Array, "..."] | None
    head: ClassHead | NumberHead | None
    posterior: AbstractDistribution | None
    likelihood: str = eqx.field(static=True)
    fixed_sd: float | None = eqx.field(static=True)
    encoder_condition: bool = eqx.field(static=True)

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
        encoder_condition: bool = True,
        decoder_kind: str = "network",
        is_reached: np.ndarray | None = None,
        head: ClassHead | NumberHead | None = None,
        posterior: AbstractDistribution | None = None,
        key: Key,
    ) -> None:
        key_encoder, key_decoder = jr.split(key)
        num_features = 0 if posterior is None else math.prod(posterior.cond_shape or ())
        has_zeros = likelihood == "zero-inflated-negative-binomial"
        self.encoder = DenseNetwork(
            [dim + (cond_dim if encoder_condition else 0), *encoder, 2 * latent_dim + num_features],
            activation,
            use_bias=use_bias,
            key=key_encoder,
        )
        if decoder_kind == "linear":
            self.decoder = LinearDecoder(
                dim,
                latent_dim,
                cond_dim,
                use_bias=use_bias,
                has_zeros=has_zeros,
                is_reached=is_reached,
                key=key_decoder,
            )
        else:
            self.decoder = DenseNetwork(
                [latent_dim + cond_dim, *decoder, 2 * dim if has_zeros else dim],
                activation,
                use_bias=use_bias,
                key=key_decoder,
            )
        self.prior = StandardNormal((latent_dim,)) if prior is None else prior
        self.head = head
        self.posterior = posterior
        self.likelihood = likelihood
        self.encoder_condition = encoder_condition
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

    def encode(
        self, x: Float[Array, " dim"], condition: Float[Array, " cond"] | None
    ) -> Normal | FlowPosterior:
        """q(z | x, c), or q(z | x)."""
        # Counts span decades, of which the network sees the logarithm.
        seen = jnp.log1p(x) if self.likelihood in COUNTS else x
        out = self.encoder(_joined(seen, condition if self.encoder_condition else None))
        (latent_dim,) = self.prior.shape
        loc, log_scale, features = jnp.split(out, [latent_dim, 2 * latent_dim])
        log_scale = jnp.clip(log_scale, -_LARGEST_LOG, _LARGEST_LOG)
        if self.posterior is not None:
            return FlowPosterior(loc, log_scale, features, self.posterior)
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

    def label_loss(
        self,
        x: Float[Array, " dim"],
        condition: Float[Array, " cond"] | None,
        label: Shaped[Array, ""],
        key: Key,
    ) -> Scalar:
        """-log p(label | z) at a draw of z."""
        return -self._told().log_prob(label, self.encode(x, condition).sample(key))

    def expected_label(self, z: Float[Array, " latent"]) -> Float[Array, " label"]:
        """The probabilities of classes, or the mean of a number."""
        return self._told().expected(z)

    def _told(self) -> ClassHead | NumberHead:
        if self.head is None:
            raise CapabilityError("This model was built without labels.", "Build it with a `head`.")
        return self.head

    def absolute_weights(self) -> Scalar:
        """Sum of the absolute weights of a linear decoder on latent numbers; of a network 0."""
        return (
            self.decoder.absolute_sum if isinstance(self.decoder, LinearDecoder) else jnp.zeros(())
        )

    def reconstruction_and_kl(
        self, x: Float[Array, " dim"], condition: Float[Array, " cond"] | None, key: Key
    ) -> tuple[Scalar, Float[Array, " latent"]]:
        """-log p(x | z, c) at a draw of z, and the divergence of the posterior from the prior.

        Each latent number by itself and exactly of a normal from the standard normal; where
        either is a flow the whole, estimated at the same draw, spread evenly.
        """
        posterior = self.encode(x, condition)
        z, log_prob = posterior.sample_and_log_prob(key)
        reconstruction = -self.decode(z, condition).log_prob(x)
        if isinstance(posterior, Normal) and isinstance(self.prior, StandardNormal):
            return reconstruction, normal_kl(posterior, self.prior)
        kl = log_prob - self.prior.log_prob(z)
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
            z, log_prob = posterior.sample_and_log_prob(key)
            joint = self.decode(z, condition).log_prob(x) + self.prior.log_prob(z)
            return joint - log_prob

        return jax.vmap(one)(jr.split(key, num_samples))


def _joined(
    values: Float[Array, " values"], condition: Float[Array, " cond"] | None
) -> Float[Array, " joined"]:
    return values if condition is None else jnp.concatenate([values, condition])


def _positive(log_mean: Float[Array, " dim"]) -> Float[Array, " dim"]:
    return jnp.exp(jnp.clip(log_mean, -_LARGEST_LOG, _LARGEST_LOG))
