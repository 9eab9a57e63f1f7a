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
# Of z for each row, where a mean over its posterior is asked for.
_NUM_DRAWS = 200


def encoded(
    model: LatentModel,
    u: NpFloat[np.ndarray, "rows dim"],
    c: NpFloat[np.ndarray, "rows cond"] | None,
) -> NpFloat[np.ndarray, "rows latent"]:
    """Posterior mean of the latent numbers of each row; of a flow that of 200 draws."""
    if model.posterior is None:
        return np.asarray(_locations(model, *_on_device(u, c)), float)

    def of_block(rows: np.ndarray, conditions: np.ndarray | None) -> np.ndarray:
        return np.asarray(_mean_draws(model, *_on_device(rows, conditions)), float)

    return in_blocks(of_block, u, c, block_size=_block_size(_NUM_DRAWS, u.shape[1]))


@eqx.filter_jit
def _locations(
    model: LatentModel, u: Float[Array, "rows dim"], c: Float[Array, "rows cond"] | None
) -> Float[Array, "rows latent"]:
    return jax.vmap(model.encode)(u, c).loc


@eqx.filter_jit
def _mean_draws(
    model: LatentModel, u: Float[Array, "rows dim"], c: Float[Array, "rows cond"] | None
) -> Float[Array, "rows latent"]:
    # The same for every row and every model: where a row lies must not depend on a seed.
    keys = jr.split(jr.key(0), _NUM_DRAWS)

    def of_row(
        row: Float[Array, " dim"], condition: Float[Array, " cond"] | None
    ) -> Float[Array, " latent"]:
        return jax.vmap(model.encode(row, condition).sample)(keys).mean(axis=0)

    return jax.vmap(of_row)(u, c)


@eqx.filter_jit
def means(
    model: LatentModel, z: Float[Array, "rows latent"], c: Float[Array, "rows cond"] | None
) -> Float[Array, "rows dim"]:
    """The mean row at given latent numbers."""
    return jax.vmap(model.mean)(z, c)


@eqx.filter_jit
def draws(
    model: LatentModel, key: Key, num_draws: int, c: Float[Array, "rows cond"] | None
) -> Float[Array, "rows dim"]:
    """Rows from the prior, with the noise of the likelihood."""

    def one(key: Key, condition: Float[Array, " cond"] | None) -> Float[Array, " dim"]:
        key_latent, key_noise = jr.split(key)
        return model.decode(model.prior.sample(key_latent), condition).sample(key_noise)

    return jax.vmap(one)(jr.split(key, num_draws), c)


def marginal_bound(
    model: LatentModel,
    u: NpFloat[np.ndarray, "rows dim"],
    c: NpFloat[np.ndarray, "rows cond"] | None,
    key: Key,
    num_samples: int,
) -> tuple[NpFloat[np.ndarray, " rows"], NpFloat[np.ndarray, " rows"]]:
    """log of the mean weight of draws of z, and its standard error, row by row."""

    def of_block(rows: np.ndarray, conditions: np.ndarray | None) -> np.ndarray:
        on_device = _on_device(rows, conditions)
        return np.asarray(_log_weights(model, *on_device, key, num_samples), float)

    block = _block_size(num_samples, u.shape[1])
    log_weights = in_blocks(of_block, u, c, block_size=block)
    largest = log_weights.max(axis=1, keepdims=True)
    weights = np.exp(log_weights - largest)
    mean = weights.mean(axis=1)
    errors = weights.std(axis=1, ddof=1) / (mean * np.sqrt(num_samples))
    return largest[:, 0] + np.log(mean), errors


@eqx.filter_jit
def _log_weights(
    model: LatentModel,
    u: Float[Array, "rows dim"],
    c: Float[Array, "rows cond"] | None,
    key: Key,
    num_samples: int,
) -> Float[Array, "rows samples"]:
    """log p(x | z) p(z) / q(z | x) at draws of z from the encoder."""
    # The same numbers for every row: what is said of one must not depend on the others.
    return jax.vmap(lambda row, known: model.log_weights(row, known, key, num_samples))(u, c)


def class_probabilities(
    model: LatentModel,
    u: NpFloat[np.ndarray, "rows dim"],
    c: NpFloat[np.ndarray, "rows cond"] | None,
    key: Key,
) -> NpFloat[np.ndarray, "rows classes"]:
    """The probability of each class, a mean over the posterior of z."""

    def of_block(rows: np.ndarray, conditions: np.ndarray | None) -> np.ndarray:
        on_device = _on_device(rows, conditions)
        return np.asarray(_class_probabilities(model, *on_device, key), float)

    return in_blocks(of_block, u, c, block_size=_block_size(_NUM_DRAWS, u.shape[1]))


@eqx.filter_jit
def _class_probabilities(
    model: LatentModel,
    u: Float[Array, "rows dim"],
    c: Float[Array, "rows cond"] | None,
    key: Key,
) -> Float[Array, "rows classes"]:
    keys = jr.split(key, _NUM_DRAWS)

    def of_row(
        row: Float[Array, " dim"], condition: Float[Array, " cond"] | None
    ) -> Float[Array, " classes"]:
        z = jax.vmap(model.encode(row, condition).sample)(keys)
        return jax.vmap(model.expected_label)(z).mean(axis=0)

    return jax.vmap(of_row)(u, c)


@eqx.filter_jit
def imputed(
    model: LatentModel,
    u: Float[Array, "rows dim"],
    c: Float[Array, "rows cond"] | None,
    is_missing: Bool[Array, "rows dim"],
    key: Key,
    num_steps: int,
) -> tuple[Float[Array, "rows dim"], Float[Array, "rows dim"]]:
    """Mean and standard deviation of missing entries given the others, row by row.

    Metropolis-within-Gibbs (Mattei and Frellsen 2018, arXiv:1802.04826, algorithm 2): z is
    proposed by the encoder from the row as it is filled in, accepted by its importance weight,
    and the missing entries are drawn anew given z. The second half of the steps counts.
    """

    def of_row(
        row: Float[Array, " dim"],
        condition: Float[Array, " cond"] | None,
        missing: Bool[Array, " dim"],
    ) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        start = model.mean(jnp.zeros(model.prior.shape), condition)
        filled = jnp.where(missing, start, row)
        first = model.encode(filled, condition).loc

        def step(
            carry: tuple[Float[Array, " dim"], Float[Array, " latent"]], key: Key
        ) -> tuple[
            tuple[Float[Array, " dim"], Float[Array, " latent"]],
            tuple[Float[Array, " dim"], Float[Array, " dim"]],
        ]:
            filled, z = carry
            key_latent, key_accept, key_noise = jr.split(key, 3)
            posterior = model.encode(filled, condition)
            proposed = posterior.sample(key_latent)

            def log_weight(z: Float[Array, " latent"]) -> Float[Array, ""]:
                joint = model.decode(z, condition).log_prob(filled) + model.prior.log_prob(z)
                return joint - posterior.log_prob(z)

            is_accepted = jnp.log(jr.uniform(key_accept)) < log_weight(proposed) - log_weight(z)
            z = jnp.where(is_accepted, proposed, z)
            draw = model.decode(z, condition).sample(key_noise)
            return (jnp.where(missing, draw, row), z), (model.mean(z, condition), draw)

        _, (means, draws) = jax.lax.scan(step, (filled, first), jr.split(key, num_steps))
        half = num_steps // 2
        return means[half:].mean(axis=0), draws[half:].std(axis=0)

    return jax.vmap(of_row)(u, c, is_missing)


def _block_size(num_draws: int, dim: int) -> int:
    """Rows at once, each with that many draws."""
    return max(1, _NUMBERS_AT_ONCE // (num_draws * max(dim, 64)))


def _on_device(
    u: NpFloat[np.ndarray, "rows dim"], c: NpFloat[np.ndarray, "rows cond"] | None
) -> tuple[Float[Array, "rows dim"], Float[Array, "rows cond"] | None]:
    return jnp.asarray(u), None if c is None else jnp.asarray(c)
