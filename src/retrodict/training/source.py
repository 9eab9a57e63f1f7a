"""Where minibatches come from.

A source answers two questions. The host asks for a *window*: arrays on the device that
serve a stretch of the epoch's steps. The compiled loop asks for the *batch* of one step,
given the window. Rows in memory need one window per epoch (its shuffled order); online
simulation needs none. Data larger than memory fit the same seam: a streaming source returns
windows that each hold the next chunk of rows, already shuffled, and covers the epoch by
several of them. What a source returns may depend on the epoch's key and the position alone,
so that a resumed run sees the same batches.
"""

import abc
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from retrodict.typing import Array, Bool, Int, Key


class Window(eqx.Module):
    """Device arrays that serve the steps of an epoch before `stop`."""

    arrays: PyTree
    stop: int = eqx.field(static=True)


class AbstractBatchSource(eqx.Module):
    """A supply of minibatches.

    Attributes:
        batch_size: rows per step.
        steps_per_epoch: steps after which an epoch ends.
    """

    batch_size: eqx.AbstractVar[int]
    steps_per_epoch: eqx.AbstractVar[int]

    @abc.abstractmethod
    def window(self, epoch_key: Key, position: int) -> Window:
        """What the steps of the epoch from `position` on need; called by the host."""

    @abc.abstractmethod
    def batch(
        self, arrays: PyTree, position: Int[Array, ""], key: Key
    ) -> tuple[PyTree, Int[Array, ""]]:
        """The batch of one step of the epoch; called inside the compiled loop.

        Returns:
            The batch, and the number of examples that had to be left out of it.
        """


class InMemory(AbstractBatchSource):
    """Rows on the device, in a new order every epoch; the last partial batch is left out.

    Since the order changes, no row is left out for long.
    """

    data: PyTree
    batch_size: int = eqx.field(static=True)
    steps_per_epoch: int = eqx.field(static=True)

    def window(self, epoch_key: Key, position: int) -> Window:
        del position
        order = _shuffled(epoch_key, num_rows=jax.tree.leaves(self.data)[0].shape[0])
        return Window(order, stop=self.steps_per_epoch)

    def batch(
        self, arrays: PyTree, position: Int[Array, ""], key: Key
    ) -> tuple[PyTree, Int[Array, ""]]:
        del key
        rows = jax.lax.dynamic_slice_in_dim(arrays, position * self.batch_size, self.batch_size)
        batch = jax.tree.map(
            lambda leaf: leaf.at[rows].get(mode="promise_in_bounds", unique_indices=True),
            self.data,
        )
        return batch, jnp.zeros((), jnp.int32)


class Online(AbstractBatchSource):
    """Fresh simulations every step; nothing is seen twice, so nothing can be overfitted.

    A simulation that is not finite is left out, and others of its batch stand in for it: the
    loss estimates the mean over simulations that are finite. A batch without any is left as it
    is, and its step will be skipped.
    """

    simulate: Callable[[Key], PyTree]
    batch_size: int = eqx.field(static=True)
    steps_per_epoch: int = eqx.field(static=True)

    def window(self, epoch_key: Key, position: int) -> Window:
        del epoch_key, position
        return Window((), stop=self.steps_per_epoch)

    def batch(
        self, arrays: PyTree, position: Int[Array, ""], key: Key
    ) -> tuple[PyTree, Int[Array, ""]]:
        del arrays, position
        batch = jax.vmap(self.simulate)(jax.random.split(key, self.batch_size))
        finite = jnp.ones(self.batch_size, bool)
        for leaf in jax.tree.leaves(batch):
            finite &= jnp.isfinite(leaf).reshape(self.batch_size, -1).all(axis=1)
        num_left_out = jnp.sum(~finite, dtype=jnp.int32)
        return jax.lax.cond(num_left_out > 0, _finite_rows, lambda rows, _: rows, batch, finite), (
            num_left_out
        )


def _finite_rows(batch: PyTree, finite: Bool[Array, " rows"]) -> PyTree:
    """As many rows, of the finite ones in turn: each as often as any other, or once more."""
    order = jnp.argsort(~finite, stable=True)
    num_finite = jnp.maximum(finite.sum(dtype=jnp.int32), 1)
    rows = order[jnp.arange(finite.shape[0], dtype=jnp.int32) % num_finite]
    return jax.tree.map(lambda leaf: leaf[rows], batch)


@eqx.filter_jit
def _shuffled(key: Key, num_rows: int) -> Int[Array, " rows"]:
    # Sorting by 32 random bits takes half the time of `jax.random.permutation`, which sorts
    # again so that ties are broken fairly; at a million rows some hundred pairs are tied.
    bits = jax.random.bits(key, (num_rows,), "uint32")
    return jax.lax.sort((bits, jnp.arange(num_rows, dtype=jnp.int32)), num_keys=1)[1]
