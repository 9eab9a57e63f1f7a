"""Many rows through one compiled program, with bounded memory."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

_SMALLEST = 256


def in_blocks(
    function: Callable[..., Any], *columns: np.ndarray | None, block_size: int = 16_384
) -> Any:
    """function(*columns), some rows at a time, its results put together again.

    Blocks have few different sizes, so that another number of rows seldom needs another
    compilation: all are of `block_size` but the last, which is filled up with repetitions of
    its last row, to a power of two or, where it is the larger half of a block, to `block_size`.

    Args:
        function: of arrays with rows along their first axis; gives arrays, or a pytree of
            them, likewise.
        columns: arrays with equally many rows, at least one; None is handed on as it is.
        block_size: most rows at once.
    """
    num_rows = next(len(column) for column in columns if column is not None)
    if num_rows == 0:
        return jax.tree.map(np.asarray, function(*columns))
    parts = []
    for begin in range(0, num_rows, block_size):
        size = min(block_size, num_rows - begin)
        padded = min(block_size, max(_SMALLEST, 1 << (size - 1).bit_length()))
        if 2 * size > block_size:
            padded = block_size
        rows = np.minimum(np.arange(begin, begin + padded), num_rows - 1)
        found = function(*(None if column is None else column[rows] for column in columns))
        parts.append(jax.tree.map(lambda column, size=size: np.asarray(column)[:size], found))
    return jax.tree.map(lambda *blocks: np.concatenate(blocks), *parts)
