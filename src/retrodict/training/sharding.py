"""Data parallelism: parameters everywhere, a share of every batch on each device.

The rows of an in-memory source lie on every device, so that a device gathers its share of a
shuffled batch without talking to the others; only gradients travel.

The seam for several hosts: after `jax.distributed.initialize()` the same mesh spans all of
them, and `replicate` has to build its arrays from each process's copy
(`jax.make_array_from_process_local_data`). Decisions the host takes by its own clock (length
of a call, time-out, interrupt, writing the checkpoint) must then be taken by process 0 and
broadcast, because all processes have to enter the same compiled calls.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import numpy as np
from jax.sharding import AbstractMesh, Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

from retrodict.errors import ConfigurationError
from retrodict.typing import Key

_AXIS = "batch"


def data_parallel(mesh: Mesh) -> Mesh:
    """All devices of any mesh as one axis along which batches are cut."""
    return Mesh(np.asarray(mesh.devices).reshape(-1), (_AXIS,))


def replicate(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """The arrays of the tree, on every device of the mesh."""
    if mesh is None:
        return tree
    arrays, others = eqx.partition(tree, eqx.is_array)
    return eqx.combine(jax.device_put(arrays, NamedSharding(mesh, PartitionSpec())), others)


def shared_by(
    mesh: Mesh | None, function: Callable[[PyTree, PyTree, Key], PyTree]
) -> Callable[[PyTree, PyTree, Key], PyTree]:
    """The function of (parameters, batch, key), each device at its share of the batch.

    The results are averaged over the devices, once, at the end: left to XLA's partitioner, a
    scan over layers would have them talk after every layer. Each device gets a key of its own.
    """
    if mesh is None:
        return function

    def on_each(parameters: PyTree, batch: PyTree, key: Key) -> PyTree:
        own_key = jax.random.fold_in(key, jax.lax.axis_index(_AXIS))
        return jax.lax.pmean(function(parameters, batch, own_key), _AXIS)

    everywhere, cut = PartitionSpec(), PartitionSpec(_AXIS)
    return jax.shard_map(
        on_each,
        mesh=mesh,
        in_specs=(everywhere, cut, everywhere),
        out_specs=everywhere,
        check_vma=False,
    )


def cut_batch(batch: PyTree, mesh: Mesh | None) -> PyTree:
    """The batch, its rows shared out over the devices where they divide evenly."""
    if mesh is None or jax.tree.leaves(batch)[0].shape[0] % mesh.size:
        return batch
    return jax.lax.with_sharding_constraint(batch, NamedSharding(mesh, PartitionSpec(_AXIS)))


def divisible_batch_size(
    requested: int, num_rows: int | None, mesh: Mesh | AbstractMesh | None
) -> int:
    """Rows per step: as requested, at most all rows, a multiple of the number of devices.

    Args:
        requested: rows per step that the user asked for.
        num_rows: of the training data; None where they are simulated.
        mesh: devices that share a batch.

    Raises:
        ConfigurationError: if the rows cannot be shared out evenly.
    """
    num_devices = 1 if mesh is None else mesh.size
    batch_size = requested
    if num_rows is not None and num_rows < requested:
        batch_size = num_rows - num_rows % num_devices
    if batch_size == 0 or batch_size % num_devices:
        raise ConfigurationError(
            f"A batch has to be shared evenly by {num_devices} devices; "
            f"got batches of {min(requested, num_rows or requested)} rows.",
            f"Choose a `batch_size` that is a multiple of {num_devices}, or a smaller mesh.",
        )
    return batch_size
