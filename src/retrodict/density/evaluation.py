"""Draws of a density over a support, and its values, for many rows with bounded memory."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from retrodict._blocks import in_blocks
from retrodict.bijections import without_throw
from retrodict.density.support import AbstractSupport
from retrodict.distributions import AbstractDistribution
from retrodict.objectives import AugmentedLagrangian, Draw, draw_key
from retrodict.typing import Array, Key, UInt32

_BLOCK = 8192


class Draws(NamedTuple):
    """Draws x with their moments T(x) and log q(x), in double precision."""

    x: Float[np.ndarray, "draws dim"]
    moments: Float[np.ndarray, "draws moments"]
    log_prob: Float[np.ndarray, " draws"]


def draws(loss: AugmentedLagrangian, flow: AbstractDistribution, key: Key, num_draws: int) -> Draws:
    """`num_draws` draws; draw i is the same however many are asked for."""
    indices = np.arange(num_draws, dtype=np.int32)
    found = in_blocks(lambda index: _draw_rows(loss, flow, key, index), indices, block_size=_BLOCK)
    x, moments, log_prob = (column.astype(float) for column in found)
    return Draws(x, moments, log_prob)


def log_prob(
    support: AbstractSupport, flow: AbstractDistribution, x: Float[np.ndarray, "rows dim"]
) -> Float[np.ndarray, " rows"]:
    """Log-density of each row; the support's map is computed in double precision."""
    with jax.enable_x64(True):
        y, log_det = (np.asarray(column) for column in _to_real(support, jnp.asarray(x, float)))
    quiet = without_throw(flow)
    found = in_blocks(
        lambda y: _log_prob_rows(quiet, y), np.asarray(y, np.float32), block_size=_BLOCK
    )
    return np.where(np.isneginf(log_det), -np.inf, found.astype(float) + log_det)


@eqx.filter_jit
def _draw_rows(
    loss: AugmentedLagrangian, flow: AbstractDistribution, key: Key, index: Array
) -> Draw:
    def one(index: Array) -> UInt32[Array, " words"]:
        return draw_key(jax.random.fold_in(key, index))

    return loss.draw(flow, jax.vmap(one)(index), key)


@eqx.filter_jit
def _to_real(support: AbstractSupport, x: Array) -> tuple[Array, Array]:
    return jax.vmap(support.to_real)(x)


@eqx.filter_jit
def _log_prob_rows(flow: AbstractDistribution, y: Array) -> Array:
    return jax.vmap(flow.log_prob)(y)
