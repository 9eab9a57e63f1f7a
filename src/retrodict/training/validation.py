"""The loss on held-out rows."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import PyTree

from retrodict.training.sharding import cut_batch
from retrodict.training.state import TrainingState, candidate
from retrodict.training.step import Loss, scalar_loss
from retrodict.typing import Array, Float, Key, Scalar


class Validation(eqx.Module):
    """How candidates are judged: always the same rows, blocks and random numbers.

    Attributes:
        frozen: the model without its trainable leaves.
        loss: mean over a batch.
        metrics: further means over a batch, by name, that are told but decide nothing.
        data: held-out rows.
        ema_decay: as in training.
        key: the same at every epoch, so that losses differ by the parameters alone.
        block_size: rows evaluated at once.
        mesh: devices that share a block.
    """

    frozen: PyTree
    loss: Loss
    metrics: dict[str, Loss]
    data: PyTree
    ema_decay: Scalar | None
    key: Key
    block_size: int = eqx.field(static=True)
    mesh: Mesh | None = eqx.field(static=True)


@eqx.filter_jit
def held_out_loss(
    validation: Validation, state: TrainingState
) -> tuple[Scalar, dict[str, Scalar], PyTree]:
    """Mean loss and metrics over all held-out rows, and the parameters that have them.

    Rows come in blocks of equal size plus a remainder that counts by its share of the rows;
    none is left out. Layers that behave differently in training (dropout) are told that this
    is not training.
    """
    # Parameters that are returned as they came would share their buffer with the state,
    # which the next call of the loop gives away.
    parameters = jax.tree.map(
        jnp.copy,
        candidate(state.parameters, state.average, state.num_updates, validation.ema_decay),
    )
    model = eqx.nn.inference_mode(eqx.combine(parameters, validation.frozen))
    data, size = validation.data, validation.block_size
    num_rows = jax.tree.leaves(data)[0].shape[0]
    num_blocks, remainder = divmod(num_rows, size)

    def block_losses(index: jax.Array, rows: PyTree) -> Float[Array, " losses"]:
        key = jax.random.fold_in(validation.key, index)
        rows = cut_batch(rows, validation.mesh)
        asked = (validation.loss, *validation.metrics.values())
        return jnp.stack([scalar_loss(loss, model, rows, key).astype(float) for loss in asked])

    def add(index: jax.Array, total: Float[Array, " losses"]) -> Float[Array, " losses"]:
        rows = jax.tree.map(
            lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, index * size, size), data
        )
        return total + block_losses(index, rows)

    start = jnp.zeros(1 + len(validation.metrics), float)
    total = size * jax.lax.fori_loop(0, num_blocks, add, start)
    if remainder:
        rows = jax.tree.map(lambda leaf: leaf[num_blocks * size :], data)
        total = total + remainder * block_losses(jnp.asarray(num_blocks), rows)
    loss, *metrics = total / num_rows
    return loss, dict(zip(validation.metrics, metrics, strict=True)), parameters


def block_size_for(num_rows: int, largest: int) -> int:
    """Rows per block, at most `largest`, that divide the rows evenly where nearly possible.

    Without a remainder the loss is compiled for one shape instead of two.
    """
    fewest = -(-num_rows // largest)
    for num_blocks in range(fewest, 2 * fewest + 1):
        if num_rows % num_blocks == 0:
            return num_rows // num_blocks
    return largest
