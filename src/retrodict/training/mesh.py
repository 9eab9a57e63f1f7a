"""Every device that can share a batch, or models side by side."""

import jax
import numpy as np
from jax.sharding import Mesh

from retrodict.training.sharding import MEMBERS

# Below this many rows a device waits longer for the others than it computes.
_SMALLEST_SHARE = 64


def shared_mesh(batch_size: int) -> Mesh | None:
    """The devices of this process among which a batch of that size divides well.

    Accelerators where there are any, else the cores of the processor (see `retrodict._cores`).

    Args:
        batch_size: rows per step.

    Returns:
        A mesh of as many devices as can take an equal share of at least 64 rows; None where
        that is one.
    """
    devices = jax.local_devices()
    for num in range(len(devices), 1, -1):
        if batch_size % num == 0 and batch_size // num >= _SMALLEST_SHARE:
            return Mesh(np.asarray(devices[:num]), ("batch",))
    return None


def members_mesh(num_members: int) -> Mesh | None:
    """The devices of this process that can each train as many members as the others.

    They need not wait for each other within a step, and each has to update its own only: better
    than sharing batches, where members divide well.

    Args:
        num_members: models that are trained side by side.

    Returns:
        A mesh for `retrodict.training.train`; None where it would be one device.
    """
    devices = jax.local_devices()
    for num in range(min(len(devices), num_members), 1, -1):
        if num_members % num == 0:
            return Mesh(np.asarray(devices[:num]), (MEMBERS,))
    return None
