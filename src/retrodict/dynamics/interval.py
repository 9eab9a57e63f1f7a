"""An interval as a grid of points."""

import math

import jax.numpy as jnp

from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float


def grid_on(lower: float, upper: float, num_points: int) -> Float[Array, " points"]:
    """Evenly spaced points, both ends among them.

    Raises:
        ConfigurationError: an interval without length or end, or fewer than three points.
    """
    if not (math.isfinite(lower) and math.isfinite(upper) and lower < upper):
        raise ConfigurationError(
            f"Expected a finite interval with lower < upper; got [{lower}, {upper}]."
        )
    if num_points < 3:
        raise ConfigurationError(f"A grid needs at least three points; got {num_points}.")
    return jnp.linspace(lower, upper, num_points)
