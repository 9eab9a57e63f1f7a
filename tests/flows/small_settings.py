"""Settings that make each architecture small enough to be tested in seconds."""

from typing import Any

DEFAULT: dict[str, Any] = {"num_layers": 2, "width": 8, "depth": 1}

SMALL: dict[str, dict[str, Any]] = {
    "ffjord": {
        "width": 8,
        "depth": 1,
        "num_frequencies": 1,
        "rtol": 1e-8,
        "atol": 1e-8,
    },
    # With splines of random parameters the densities have edges too sharp for the grid.
    "iaf": {**DEFAULT, "transformer": "affine"},
    "maf": {**DEFAULT, "transformer": "affine"},
    # Log-densities of draws are compared to 1e-7.
    "residual-flow": {"num_layers": 2, "width": 8, "depth": 1, "rtol": 1e-10, "atol": 1e-10},
}


def small_settings(name: str) -> dict[str, Any]:
    """Those of one architecture: its own entry of `SMALL`, or `DEFAULT`."""
    return SMALL.get(name, DEFAULT)
