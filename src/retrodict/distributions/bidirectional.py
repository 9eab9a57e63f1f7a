"""One invertible network between causes and effects."""

import equinox as eqx
import jax
import jax.numpy as jnp

from retrodict.bijections import AbstractBijection
from retrodict.bijections.base import require_condition
from retrodict.distributions.base import AbstractDistribution, AbstractGenerator
from retrodict.distributions.transformed import Transformed
from retrodict.errors import CapabilityError, ConfigurationError
from retrodict.typing import Array, Float, Key, Scalar


class BidirectionalMap(AbstractGenerator):
    """f([x, padding]) = [y, z, padding], and x given y from its inverse.

        x = f^-1([y, z, 0]),   z ~ N(0, I)

    (Ardizzone et al. 2019, arXiv:1808.04730, sec. 3.3). If f predicts y exactly, and z is
    standard normal and independent of y when x follows the prior, these draws follow p(x | y).

    Padding of zeros leaves both sides where they were. Padding of noise is standard normal
    beside x and further latents beside z (augmented flows, Huang et al. 2020,
    arXiv:2002.07101).

    Args:
        bijection: f, over all entries of one side.
        dim, cond_dim, latent_dim: entries of x, y and z.
        pads_with_noise: instead of zeros.
        log_noise: log of the standard deviation of f_y(x) around y, for x given y, where one
            belongs to the model; draws of x then spread y by it.
    """

    bijection: AbstractBijection
    log_noise: Float[Array, " cond"] | None
    latent_dim: int = eqx.field(static=True)
    pads_with_noise: bool = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        bijection: AbstractBijection,
        dim: int,
        cond_dim: int,
        latent_dim: int,
        *,
        pads_with_noise: bool = False,
        log_noise: Float[Array, " cond"] | None = None,
    ) -> None:
        total_dim = bijection.shape[0]
        if max(dim, cond_dim + latent_dim) > total_dim:
            raise ConfigurationError(
                f"x has {dim} entries and [y, z] {cond_dim} + {latent_dim}; the network maps only "
                f"{total_dim}.",
                f"Build it over {max(dim, cond_dim + latent_dim)} entries.",
            )
        self.bijection = bijection
        self.log_noise = log_noise
        self.latent_dim = total_dim - cond_dim if pads_with_noise else latent_dim
        self.pads_with_noise = pads_with_noise
        self.shape = (dim,)
        self.cond_shape = (cond_dim,)

    @property
    def num_padding(self) -> tuple[int, int]:
        """Entries that pad x, and [y, z]."""
        total_dim = self.bijection.shape[0]
        return total_dim - self.shape[0], total_dim - self.cond_shape[0] - self.latent_dim

    def forward(
        self, padded: Float[Array, " total"]
    ) -> tuple[Float[Array, " cond"], Float[Array, " latent"], Float[Array, " padding"]]:
        """y, z and what stands in the padding beside them, of [x, padding]."""
        end = self.bijection.forward(padded)
        cond_dim = self.cond_shape[0]
        y, z, padding = jnp.split(end, [cond_dim, cond_dim + self.latent_dim])
        return y, z, padding

    def inverse(
        self,
        y: Float[Array, " cond"],
        z: Float[Array, " latent"],
        padding: Float[Array, " padding"],
    ) -> Float[Array, " total"]:
        """[x, padding] of y, z and the padding beside them."""
        return self.bijection.inverse(jnp.concatenate([y, z, padding]))

    def predict(self, x: Float[Array, " dim"]) -> Float[Array, " cond"]:
        """y of x, with zeros beside it, which are the middle of any padding."""
        return self.forward(self.padded(x))[0]

    def padded(self, x: Float[Array, " dim"]) -> Float[Array, " total"]:
        """[x, 0]."""
        return jnp.pad(x, (0, self.num_padding[0]))

    def sample(
        self, key: Key, condition: Float[Array, " cond"] | None = None
    ) -> Float[Array, " dim"]:
        y = require_condition(condition, self.cond_shape)
        key_z, key_y = jax.random.split(key)
        z = jax.random.normal(key_z, (self.latent_dim,), y.dtype)
        if self.log_noise is not None:
            y = y + jnp.exp(self.log_noise) * jax.random.normal(key_y, y.shape, y.dtype)
        return self.inverse(y, z, jnp.zeros(self.num_padding[1], y.dtype))[: self.shape[0]]

    def density(self) -> Transformed:
        """q([x, padding] | y), the density that `sample` draws from, with its padding of noise.

            q = N(f_y; y, sigma^2) N(f_z; 0, I) |det J_f|

        It is normalised over [x, padding] for every y.

        Raises:
            CapabilityError: without noise of y, or with zeros beside [y, z], draws lie on a
                surface and have no density.
        """
        if self.log_noise is None or self.num_padding[1]:
            raise CapabilityError(
                "Draws of this map lie on a surface, where they have no density.",
                'Train by objective="maximum-likelihood", which gives y a noise.',
            )
        return Transformed(EffectAndLatent(self.log_noise, self.latent_dim), self.bijection)


class EffectAndLatent(AbstractDistribution):
    """[y', z] given y: y' normal around y, z standard normal.

    Args:
        log_noise: log of the standard deviation of y' - y.
        latent_dim: entries of z.
    """

    log_noise: Float[Array, " cond"]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, log_noise: Float[Array, " cond"], latent_dim: int) -> None:
        self.log_noise = log_noise
        self.cond_shape = log_noise.shape
        self.shape = (log_noise.size + latent_dim,)

    def log_prob(
        self, x: Float[Array, " total"], condition: Float[Array, " cond"] | None = None
    ) -> Scalar:
        y = require_condition(condition, self.cond_shape)
        effect, z = jnp.split(x, [y.size])
        standardised = jnp.concatenate([(effect - y) * jnp.exp(-self.log_noise), z])
        return jax.scipy.stats.norm.logpdf(standardised).sum() - self.log_noise.sum()

    def sample(
        self, key: Key, condition: Float[Array, " cond"] | None = None
    ) -> Float[Array, " total"]:
        y = require_condition(condition, self.cond_shape)
        noise = jax.random.normal(key, self.shape, y.dtype)
        of_y, z = jnp.split(noise, [y.size])
        return jnp.concatenate([y + jnp.exp(self.log_noise) * of_y, z])
