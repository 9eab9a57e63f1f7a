"""Sums of kernel values over pairs of points, block by block: quadratic time, linear memory."""

import jax
import jax.numpy as jnp
import numpy as np

from retrodict.objectives.distances import squared_distances
from retrodict.objectives.kernels import AbstractKernel
from retrodict.typing import Array, Float, Int, Scalar

BLOCK_ELEMENTS = 2**20  # kernel values alive at once


def traced(kernel: AbstractKernel) -> AbstractKernel:
    """Its settings as arrays, so that another bandwidth needs no new compilation."""
    return jax.tree.map(lambda value: jnp.asarray(value, dtype=jnp.float32), kernel)


def centred(*samples: np.ndarray) -> tuple[Array, ...]:
    """Single precision, after the mean of the samples' means is taken off in double."""
    means = [sample.mean(axis=-2, keepdims=True, dtype=float) for sample in samples]
    centre = sum(means) / len(samples)
    return tuple(jnp.asarray(sample - centre, dtype=jnp.float32) for sample in samples)


def row_sums(
    kernel: AbstractKernel,
    rows: Float[Array, "rows dim"],
    columns: Float[Array, "columns dim"],
    *,
    same: bool,
) -> Float[Array, " rows"]:
    """Sum over columns of kernel values, for each row, some rows at a time.

    Args:
        kernel: with its bandwidths.
        rows: points.
        columns: points to sum over.
        same: rows and columns are one sample; pairs of equal index are left out.
    """
    indices = jnp.arange(len(columns))

    def row_sum(indexed_row: tuple[Int[Array, ""], Float[Array, " dim"]]) -> Scalar:
        index, row = indexed_row
        values = kernel(squared_distances(row[None], columns)[0])
        return jnp.where(indices == index, 0, values).sum() if same else values.sum()

    return jax.lax.map(
        row_sum,
        (jnp.arange(len(rows)), rows),
        batch_size=max(1, BLOCK_ELEMENTS // len(columns)),
    )
