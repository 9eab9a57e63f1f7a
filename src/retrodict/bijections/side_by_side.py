"""Equal models as one, whose arrays have an axis over them."""

from collections.abc import Sequence
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from retrodict.typing import Array

_Model = TypeVar("_Model")


def side_by_side(models: Sequence[_Model]) -> _Model:
    """One model whose arrays are those of all, stacked along a new first axis.

    Args:
        models: of the same structure and shapes; what is not an array is taken from the first.
    """
    arrays, others = zip(*(eqx.partition(model, eqx.is_array) for model in models), strict=True)
    stacked: _Model = eqx.combine(jax.tree.map(lambda *leaves: _stack(leaves), *arrays), others[0])
    return stacked


def _stack(leaves: Sequence[Array]) -> Array:
    # XLA would compile a program for each shape, which takes longer than all else about a model.
    if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
        return jnp.stack(leaves)
    stacked: Array = jax.device_put(np.stack([np.asarray(leaf) for leaf in leaves]))
    return stacked
