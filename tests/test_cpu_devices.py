"""JAX gets a device per core, where nobody has said otherwise."""

import os
import subprocess
import sys

import pytest

ASK = "import jax; print(len(jax.devices()))"
OWN = {"RETRODICT_CPU_DEVICES", "JAX_NUM_CPU_DEVICES", "XLA_FLAGS"}


def num_devices(program, **variables):
    environment = {name: value for name, value in os.environ.items() if name not in OWN}
    environment |= {"JAX_PLATFORMS": "cpu", **variables}
    command = [sys.executable, "-c", f"{program}; {ASK}"]
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return int(output.stdout)


@pytest.mark.parametrize(
    ("program", "variables", "expected"),
    [
        ("import retrodict", {"RETRODICT_CPU_DEVICES": "3"}, 3),
        ("import jax; import retrodict", {"RETRODICT_CPU_DEVICES": "3"}, 3),
        ("import jax; jax.devices(); import retrodict", {"RETRODICT_CPU_DEVICES": "3"}, 1),
        ("import retrodict", {"RETRODICT_CPU_DEVICES": "3", "JAX_NUM_CPU_DEVICES": "2"}, 2),
    ],
    ids=["alone", "after jax", "jax running", "jax configured"],
)
def test_devices(program, variables, expected):
    assert num_devices(program, **variables) == expected


def test_by_default_one_device_per_core():
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    assert num_devices("import retrodict") == min(cores, 8)
