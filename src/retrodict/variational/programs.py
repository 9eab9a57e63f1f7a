"""What a variational autoencoder answers, compiled for many rows."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from retrodict.typing import Array, Float, Key
from retrodict.variational.latent_model import LatentModel


@eqx.filter_jit
def encoded(
    model: LatentModel, u: Float[Array, "rows dim"]
) -> tuple[Float[Array, "rows latent"], Float[Array, "rows latent"]]:
    """Mean and standard deviation of each latent number given each row."""
    posterior = jax.vmap(lambda row: model.encode(row, None))(u)
    return posterior.loc, jnp.exp(posterior.log_scale)


@eqx.filter_jit
def means(model: LatentModel, z: Float[Array, "rows latent"]) -> Float[Array, "rows dim"]:
    """The mean row at given latent numbers."""
    return jax.vmap(lambda row: model.mean(row, None))(z)


@eqx.filter_jit
def draws(model: LatentModel, key: Key, num_draws: int) -> Float[Array, "rows dim"]:
    """Rows from the prior, with the noise of the likelihood."""

    def one(key: Key) -> Float[Array, " dim"]:
        key_latent, key_noise = jr.split(key)
        return model.decode(model.prior.sample(key_latent), None).sample(key_noise)

    return jax.vmap(one)(jr.split(key, num_draws))


@eqx.filter_jit
def log_weights(
    model: LatentModel, u: Float[Array, "rows dim"], key: Key, num_samples: int
) -> Float[Array, "rows samples"]:
    """log p(x | z) p(z) / q(z | x) at draws of z from the encoder."""
    # The same numbers for every row: what is said of one must not depend on the others.
    return jax.vmap(lambda row: model.log_weights(row, None, key, num_samples))(u)
