"""Several devices: a share of every batch on each, or a share of models side by side.

Batches are shared with parameters everywhere. The rows of an in-memory source lie on every
device, so that a device gathers its share of a shuffled batch without talking to the others;
only gradients travel. Members are shared with rows everywhere: each device trains its own from
first to last, and one number a step travels.

The seam for several hosts: after `jax.distributed.initialize()` the same mesh spans all of
them, and `replicate` has to build its arrays from each process's copy
(`jax.make_array_from_process_local_data`). Decisions the host takes by its own clock (length
of a call, time-out, interrupt, writing the checkpoint) must then be taken by process 0 and
broadcast, because all processes have to enter the same compiled calls.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AbstractMesh, Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

from retrodict.errors import ConfigurationError
from retrodict.typing import Key, Scalar

_BATCH, MEMBERS = "batch", "members"
_EVERYWHERE = PartitionSpec()


def along_one_axis(mesh: Mesh) -> Mesh:
    """All devices of any mesh as one axis: of members if that is its only one, else of rows."""
    axis = MEMBERS if mesh.axis_names == (MEMBERS,) else _BATCH
    return Mesh(np.asarray(mesh.devices).reshape(-1), (axis,))


def replicate(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """The arrays of the tree, on every device of the mesh."""
    if mesh is None:
        return tree
    everywhere = NamedSharding(mesh, _EVERYWHERE)
    return _placed(tree, lambda _: everywhere)


def place_model(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """What belongs to the model: everywhere, or each member on its device.

    Raises:
        ConfigurationError: members that cannot be shared out evenly.
    """
    if mesh is None or not _shares_members(mesh):
        return replicate(tree, mesh)

    def sharding(leaf: jax.Array) -> NamedSharding:
        # Numbers without an axis, such as the count of steps, belong to all members.
        if leaf.ndim and leaf.shape[0] % mesh.size:
            raise ConfigurationError(
                f"Members have to be shared evenly by {mesh.size} devices; got an array of shape "
                f"{leaf.shape}.",
                "Every array of the model needs members as its first axis, a multiple of the "
                "devices in number.",
            )
        return NamedSharding(mesh, PartitionSpec(MEMBERS) if leaf.ndim else _EVERYWHERE)

    return _placed(tree, sharding)


def gather(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """The arrays on the default device, where what is computed with them next is at home."""
    if mesh is None:
        return tree
    arrays, others = eqx.partition(tree, eqx.is_array)

    def home(leaf: jax.Array) -> jax.Array:
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(
                jnp.asarray(np.asarray(jax.random.key_data(leaf))), impl=jax.random.key_impl(leaf)
            )
        return jnp.asarray(np.asarray(leaf))

    return eqx.combine(jax.tree.map(home, arrays), others)


def shared_by(
    mesh: Mesh | None, function: Callable[[PyTree, PyTree, PyTree, Key], tuple[Scalar, PyTree]]
) -> Callable[[PyTree, PyTree, PyTree, Key], tuple[Scalar, PyTree]]:
    """Loss and gradient from (parameters, frozen, batch, key), each device with its share.

    Of a batch, results are averaged over the devices, once, at the end: left to XLA's
    partitioner, a scan over layers would have them talk after every layer. Of members, the loss
    is averaged, and each device keeps the gradient of its own. Each device gets a key of its own.
    """
    if mesh is None:
        return function

    def on_each(parameters: PyTree, frozen: PyTree, batch: PyTree, key: Key) -> PyTree:
        own_key = jax.random.fold_in(key, jax.lax.axis_index(axis))
        loss, gradient = function(parameters, frozen, batch, own_key)
        if axis == _BATCH:
            return jax.lax.pmean((loss, gradient), axis)
        # The loss is the mean over all members, of which these are a part.
        return jax.lax.pmean(loss, axis), jax.tree.map(lambda leaf: leaf / mesh.size, gradient)

    axis = MEMBERS if _shares_members(mesh) else _BATCH
    cut = PartitionSpec(axis)
    model, rows = (cut, _EVERYWHERE) if axis == MEMBERS else (_EVERYWHERE, cut)

    def shared(parameters: PyTree, frozen: PyTree, batch: PyTree, key: Key) -> PyTree:
        arrays, others = eqx.partition(frozen, eqx.is_array)
        return jax.shard_map(
            lambda parameters, arrays, batch, key: on_each(
                parameters, eqx.combine(arrays, others), batch, key
            ),
            mesh=mesh,
            in_specs=(model, model, rows, _EVERYWHERE),
            out_specs=(_EVERYWHERE, model),
            check_vma=False,
        )(parameters, arrays, batch, key)

    return shared


def cut_batch(batch: PyTree, mesh: Mesh | None) -> PyTree:
    """The batch, its rows shared out over the devices where they divide evenly."""
    if mesh is None or _shares_members(mesh) or jax.tree.leaves(batch)[0].shape[0] % mesh.size:
        return batch
    return jax.lax.with_sharding_constraint(batch, NamedSharding(mesh, PartitionSpec(_BATCH)))


def divisible_batch_size(
    requested: int, num_rows: int | None, mesh: Mesh | AbstractMesh | None
) -> int:
    """Rows per step: as requested, at most all rows, a multiple of the number of devices.

    Args:
        requested: rows per step that the user asked for.
        num_rows: of the training data; None where they are simulated.
        mesh: devices that share a batch, or members, which any batch will do for.

    Raises:
        ConfigurationError: if the rows cannot be shared out evenly.
    """
    num_devices = 1 if mesh is None or _shares_members(mesh) else mesh.size
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


def _shares_members(mesh: Mesh | AbstractMesh) -> bool:
    return mesh.axis_names == (MEMBERS,)


def _placed(tree: PyTree, sharding: Callable[[jax.Array], NamedSharding]) -> PyTree:
    arrays, others = eqx.partition(tree, eqx.is_array)
    placed = jax.tree.map(lambda leaf: jax.device_put(leaf, sharding(leaf)), arrays)
    return eqx.combine(placed, others)
