"""How well an autoencoder gives back what it was shown."""

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from retrodict.typing import Array, Float, Key, Scalar


@runtime_checkable
class Autoencoding(Protocol):
    """What gives back its input."""

    def __call__(self, x: Float[Array, " dim"], key: Key | None) -> Float[Array, " dim"]:
        """The reconstruction; with a key, units are dropped."""
        ...


class ReconstructionError(eqx.Module):
    """Mean over rows and entries of (decode(encode(corrupted x)) - x)^2.

    Without corruption that of an autoencoder; with it, of a denoising one (Vincent et al. 2010,
    "Stacked denoising autoencoders"), which cannot copy its input and has to learn what goes
    together.

    Args:
        noise_sd: of the normal noise on the input.
        masked_fraction: share of the entries of the input that are set to zero.
    """

    noise_sd: float = eqx.field(default=0.0, static=True)
    masked_fraction: float = eqx.field(default=0.0, static=True)

    def __call__(
        self, model: Autoencoding, batch: tuple[Float[Array, "rows dim"]], key: Key
    ) -> Scalar:
        """The loss in training: corrupted, with dropout where the model has any."""
        (x,) = batch
        key_noise, key_mask, key_drop = jr.split(key, 3)
        seen = x
        if self.noise_sd > 0:
            seen = seen + self.noise_sd * jr.normal(key_noise, x.shape, x.dtype)
        if self.masked_fraction > 0:
            seen = jnp.where(jr.bernoulli(key_mask, self.masked_fraction, x.shape), 0, seen)
        given_back = jax.vmap(model)(seen, jr.split(key_drop, len(x)))
        return jnp.mean((given_back - x) ** 2)


def clean_reconstruction_error(
    model: Autoencoding, batch: tuple[Float[Array, "rows dim"]], key: Key
) -> Scalar:
    """The same of rows as they are, with all units: what held-out rows are judged by."""
    del key
    (x,) = batch
    return jnp.mean((jax.vmap(lambda row: model(row, None))(x) - x) ** 2)
