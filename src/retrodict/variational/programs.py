"""What a variational autoencoder answers, compiled for many rows."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Float as NpFloat

from retrodict._blocks import in_blocks
from retrodict.typing import Array, Bool, Float, Key
from retrodict.variational.latent_model import LatentModel

_NUMBERS_AT_ONCE = 2**24


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


def marginal_bound(
    model: LatentModel, u: NpFloat[np.ndarray, "rows dim"], key: Key, num_samples: int
) -> tuple[NpFloat[np.ndarray, " rows"], NpFloat[np.ndarray, " rows"]]:
    """log of the mean weight of draws of z, and its standard error, row by row."""

    def of_block(rows: np.ndarray) -> np.ndarray:
        return np.asarray(_log_weights(model, jnp.asarray(rows), key, num_samples), float)

    block = max(1, _NUMBERS_AT_ONCE // (num_samples * max(u.shape[1], 64)))
    log_weights = in_blocks(of_block, u, block_size=block)
    largest = log_weights.max(axis=1, keepdims=True)
    weights = np.exp(log_weights - largest)
    mean = weights.mean(axis=1)
    errors = weights.std(axis=1, ddof=1) / (mean * np.sqrt(num_samples))
    return largest[:, 0] + np.log(mean), errors


@eqx.filter_jit
def _log_weights(
    model: LatentModel, u: Float[Array, "rows dim"], key: Key, num_samples: int
) -> Float[Array, "rows samples"]:
    """log p(x | z) p(z) / q(z | x) at draws of z from the encoder."""
    # The same numbers for every row: what is said of one must not depend on the others.
    return jax.vmap(lambda row: model.log_weights(row, None, key, num_samples))(u)


@eqx.filter_jit
def imputed(
    model: LatentModel,
    u: Float[Array, "rows dim"],
    is_missing: Bool[Array, "rows dim"],
    key: Key,
    num_steps: int,
) -> tuple[Float[Array, "rows dim"], Float[Array, "rows dim"]]:
    """Mean and standard deviation of missing entries given the others, row by row.

    Metropolis-within-Gibbs (Mattei and Frellsen 2018, arXiv:1802.04826, algorithm 2): z is
    proposed by the encoder from the row as it is filled in, accepted by its importance weight,
    and the missing entries are drawn anew given z. The second half of the steps counts.
    """
    start = model.mean(jnp.zeros(model.prior.shape), None)

    def of_row(
        row: Float[Array, " dim"], missing: Bool[Array, " dim"]
    ) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        filled = jnp.where(missing, start, row)
        first = model.encode(filled, None).loc

        def step(
            carry: tuple[Float[Array, " dim"], Float[Array, " latent"]], key: Key
        ) -> tuple[
            tuple[Float[Array, " dim"], Float[Array, " latent"]],
            tuple[Float[Array, " dim"], Float[Array, " dim"]],
        ]:
            filled, z = carry
            key_latent, key_accept, key_noise = jr.split(key, 3)
            posterior = model.encode(filled, None)
            proposed = posterior.sample(key_latent)

            def log_weight(z: Float[Array, " latent"]) -> Float[Array, ""]:
                joint = model.decode(z, None).log_prob(filled) + model.prior.log_prob(z)
                return joint - posterior.log_prob(z)

            is_accepted = jnp.log(jr.uniform(key_accept)) < log_weight(proposed) - log_weight(z)
            z = jnp.where(is_accepted, proposed, z)
            draw = model.decode(z, None).sample(key_noise)
            return (jnp.where(missing, draw, row), z), (model.mean(z, None), draw)

        _, (means, draws) = jax.lax.scan(step, (filled, first), jr.split(key, num_steps))
        half = num_steps // 2
        return means[half:].mean(axis=0), draws[half:].std(axis=0)

    return jax.vmap(of_row)(u, is_missing)
