"""What the files of a bundle are called and what their fields are."""

import importlib.metadata
import platform
from typing import Any

import numpy as np

CONFIG = "config.json"
WEIGHTS = "weights.safetensors"
FORMAT = "retrodict"
SCHEMA_VERSION = 1
# What safetensors can write and also read as NumPy arrays; bfloat16 can only be written.
WEIGHT_TYPES = frozenset(
    ["bool", "float16", "float32", "float64"]
    + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
)


def versions() -> dict[str, str]:
    """Versions of what wrote a bundle, to say later what changed."""
    known = {"python": platform.python_version()}
    for package in ("retrodict", "jax", "equinox", "numpy"):
        try:
            known[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            known[package] = "not installed"
    return known


def describe_arrays(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Shape and type of every array, by name."""
    return {
        name: {"shape": list(array.shape), "dtype": array.dtype.name}
        for name, array in sorted(arrays.items())
    }
