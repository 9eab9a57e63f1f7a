"""Every core of the processor, and every accelerator, as devices that share a batch."""

import os
import sys

import jax
import numpy as np
from jax.sharding import Mesh

_VARIABLE = "RETRODICT_CPU_DEVICES"
# Below this many rows a device waits longer for the others than it computes.
_SMALLEST_SHARE = 64


def use_cpu_cores() -> None:
    """Makes each core of the processor a device of JAX, if JAX has not started yet.

    XLA hardly spreads the small matrices of a coupling over cores; sharing each batch out over
    devices does. The number is that of the cores this process may use, at most 8, or
    the environment variable RETRODICT_CPU_DEVICES. Where the user has set
    `jax_num_cpu_devices` or JAX is running already, nothing changes.
    """
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    wanted = int(os.environ.get(_VARIABLE, min(cores or 1, 8)))
    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    if jax.config.jax_num_cpu_devices > 0:  # type: ignore[attr-defined]
        return
    try:
        jax.config.update("jax_num_cpu_devices", wanted)
    except RuntimeError:
        # JAX is running: its devices are what they are.
        return


def shared_mesh(batch_size: int) -> Mesh | None:
    """All devices among which a batch of that size divides well; None where that is one."""
    devices = jax.local_devices()
    for num in range(len(devices), 1, -1):
        if batch_size % num == 0 and batch_size // num >= _SMALLEST_SHARE:
            return Mesh(np.asarray(devices[:num]), ("batch",))
    return None
