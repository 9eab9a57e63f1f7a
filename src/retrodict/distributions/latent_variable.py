"""A latent variable between a condition and what is seen."""

from typing import cast

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

from retrodict.bijections.base import require_condition
from retrodict.distributions.base import AbstractDistribution, AbstractGenerator, check_condition
from retrodict.distributions.conditional import Conditional
from retrodict.distributions.normal import Normal, StandardNormal
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Key


class LatentVariableModel(AbstractGenerator):
    """p(x | c) = int p(x | z, c) p(z | c) dz, with an encoder q(z | x, c) to train it by.

    The conditional variational autoencoder (Sohn et al. 2015, "Learning structured output
    representation using deep conditional generative models"; without a condition that of
    Kingma & Welling 2013, arXiv:1312.6114). A draw takes z from the prior and x from the
    decoder, its noise included: the decoder's mean alone is narrower than p(x | c). The
    density has no closed form; `objectives.NegativeELBO` bounds it.

    Args:
        prior: of z: `StandardNormal`, or a `Conditional` normal given c.
        encoder: a normal with independent entries over z, given x and c in one vector.
        decoder: of x, given z and c in one vector.
        cond_dim: length of c; 0 for none.

    Raises:
        ConfigurationError: the three parts do not fit.
    """

    prior: StandardNormal | Conditional
    encoder: Conditional
    decoder: Conditional
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: tuple[int, ...] | None = eqx.field(static=True)

    def __init__(
        self,
        prior: StandardNormal | Conditional,
        encoder: Conditional,
        decoder: Conditional,
        cond_dim: int = 0,
    ) -> None:
        self.prior = prior
        self.encoder = encoder
        self.decoder = decoder
        self.shape = decoder.shape
        self.cond_shape = (cond_dim,) if cond_dim else None

    def __check_init__(self) -> None:
        (cond_dim,) = self.cond_shape or (0,)
        wanted = {
            "encoder": (self.encoder.cond_shape, (self.shape[0] + cond_dim,)),
            "decoder": (self.decoder.cond_shape, (self.encoder.shape[0] + cond_dim,)),
            "prior": (self.prior.shape, self.encoder.shape),
        }
        for name, (came, expected) in wanted.items():
            if came != expected:
                raise ConfigurationError(
                    f"The {name} has to be made for {expected[0]} numbers; got shape {came}.",
                    "The encoder sees x and c, the decoder z and c; the prior is over z.",
                )
        for name, part in (("encoder", self.encoder), ("prior", self.prior)):
            if isinstance(part, Conditional) and not isinstance(part.template, Normal):
                raise ConfigurationError(
                    f"The {name} has to be a normal with independent entries; "
                    f"got {type(part.template).__name__}.",
                    "Use `Conditional(Normal(...), network, cond_dim)`.",
                )

    def prior_at(self, condition: Float[Array, " cond"] | None) -> Normal | StandardNormal:
        """p(z | c)."""
        if isinstance(self.prior, Conditional):
            return cast(Normal, self.prior.at(condition))
        return self.prior

    def encode(self, x: Float[Array, " dim"], condition: Float[Array, " cond"] | None) -> Normal:
        """q(z | x, c)."""
        return cast(Normal, self.encoder.at(self._joined(x, condition)))

    def decode(
        self, z: Float[Array, " latent"], condition: Float[Array, " cond"] | None
    ) -> AbstractDistribution:
        """p(x | z, c)."""
        return self.decoder.at(self._joined(z, condition))

    def sample(self, key: Key, condition: Float[Array, "..."] | None = None) -> Float[Array, "..."]:
        check_condition(condition, self.cond_shape)
        key_latent, key_noise = jr.split(key)
        z = self.prior_at(condition).sample(key_latent)
        return self.decode(z, condition).sample(key_noise)

    def _joined(
        self, values: Float[Array, " values"], condition: Float[Array, " cond"] | None
    ) -> Float[Array, " joined"]:
        if self.cond_shape is None:
            check_condition(condition, None)
            return values
        return jnp.concatenate([values, require_condition(condition, self.cond_shape)])
