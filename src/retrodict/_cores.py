"""Each core of the processor as a device of JAX, so that training uses them all.

XLA hardly spreads the small matrices of a coupling over cores; devices that share every batch
do. This has to be settled before JAX starts, and so happens when `retrodict` is imported.
"""

import os
import sys

_VARIABLE = "RETRODICT_CPU_DEVICES"
_JAX_VARIABLE = "JAX_NUM_CPU_DEVICES"
_MOST = 8


def use_cpu_cores() -> None:
    """Asks JAX for one device per core, unless it is running or the user has asked otherwise.

    The number is that of the cores this process may use, at most 8, or the environment
    variable RETRODICT_CPU_DEVICES. `XLA_FLAGS`, `JAX_NUM_CPU_DEVICES` and a JAX that is
    configured or running already have precedence.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if _JAX_VARIABLE in os.environ or "xla_force_host_platform_device_count" in flags:
        return
    wanted = int(os.environ.get(_VARIABLE) or min(_num_cores(), _MOST))
    if "jax" not in sys.modules:
        # JAX reads it when it is imported; importing it here would cost half a second.
        os.environ[_JAX_VARIABLE] = str(wanted)
        return
    import jax

    # JAX makes its settings attributes at run time, where no type checker sees them.
    if jax.config.jax_num_cpu_devices < 0:  # type: ignore[attr-defined]
        try:
            jax.config.update("jax_num_cpu_devices", wanted)
        except RuntimeError:
            # JAX is running: its devices are what they are.
            return


def _num_cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
