import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from retrodict.errors import ConfigurationError
from retrodict.training.mesh import members_mesh
from retrodict.training.sharding import along_one_axis, divisible_batch_size

TWO_DEVICES = "--xla_force_host_platform_device_count=2"


def test_two_devices_agree_with_one():
    finished = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("two_devices.py"))],
        env={**os.environ, "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} {TWO_DEVICES}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize(
    ("requested", "num_rows", "expected"),
    [(8, 100, 8), (8, None, 8), (512, 10, 8), (512, 12, 12)],
)
def test_batches_are_cut_evenly(requested, num_rows, expected):
    assert divisible_batch_size(requested, num_rows, four_devices()) == expected


@pytest.mark.parametrize(("requested", "num_rows"), [(6, 100), (6, None), (512, 3)])
def test_batches_that_cannot_be_cut_are_refused(requested, num_rows):
    with pytest.raises(ConfigurationError, match="4 devices"):
        divisible_batch_size(requested, num_rows, four_devices())


def test_a_batch_that_cannot_be_shared_says_what_to_do():
    mesh = jax.sharding.AbstractMesh((3,), ("batch",))
    with pytest.raises(ConfigurationError, match="3 devices") as caught:
        divisible_batch_size(512, 2, mesh)
    assert "multiple of 3" in caught.value.hint


def four_devices():
    """As many as a batch is shared by; no real ones are needed to count."""
    return jax.sharding.AbstractMesh((4,), ("batch",))


def test_models_side_by_side_take_any_batch():
    mesh = jax.sharding.AbstractMesh((4,), ("members",))
    assert divisible_batch_size(7, 100, mesh) == 7


@pytest.mark.parametrize(
    ("num_devices", "num_members", "size"),
    [(8, 4, 4), (8, 6, 6), (4, 6, 3), (2, 3, None), (2, 1, None), (1, 4, None)],
)
def test_devices_take_as_many_members_as_each_other(num_devices, num_members, size, monkeypatch):
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices()[:1] * num_devices)
    found = members_mesh(num_members)
    assert (found and found.shape) == (size and {"members": size})


def test_any_mesh_becomes_one_axis():
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]).reshape(1, 1), ("a", "b"))
    assert along_one_axis(mesh).shape == {"batch": 1}
    members = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("members",))
    assert along_one_axis(members).shape == {"members": 1}
