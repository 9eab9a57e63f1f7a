"""Random numbers inside a bijection: probes of a trace, terms of a series."""

from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.random as jr

from retrodict.typing import Array, Key, UInt32

_Tree = TypeVar("_Tree")


class Randomness(eqx.Module):
    """The key of an estimated log-determinant, part of the model that estimates it.

    It stays the same until `renew_randomness` changes it, so that evaluating a model twice
    gives the same number; objectives renew it for every example of every step, which keeps
    their gradients unbiased. Kept as plain integers, so that it is saved with the weights.
    """

    data: UInt32[Array, "... words"]

    def __init__(self, key: Key) -> None:
        self.data = jr.key_data(key)

    @property
    def key(self) -> Key:
        """For `jax.random`."""
        return jr.wrap_key_data(self.data)


def is_random(tree: Any) -> bool:
    """Whether a model estimates its log-determinant."""
    return any(map(_is_randomness, jax.tree.leaves(tree, is_leaf=_is_randomness)))


def renew_randomness(tree: _Tree, key: Key) -> _Tree:
    """The same model with independent random numbers everywhere, layer by layer."""
    nodes, structure = jax.tree.flatten(tree, is_leaf=_is_randomness)

    def renewed(node: Any, key: Key) -> Any:
        if not _is_randomness(node):
            return node
        # A stack of layers holds a stack of keys.
        stacked = node.data.shape[:-1]
        make: Callable[[Key], Randomness] = Randomness
        for _ in stacked:
            make = eqx.filter_vmap(make)
        return make(jr.split(key, stacked) if stacked else key)

    keys = jr.split(key, len(nodes))
    return jax.tree.unflatten(
        structure, [renewed(node, k) for node, k in zip(nodes, keys, strict=True)]
    )


def _is_randomness(node: Any) -> bool:
    return isinstance(node, Randomness)
