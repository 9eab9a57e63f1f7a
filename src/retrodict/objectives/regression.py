"""Least squares."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from retrodict.typing import Array, Float, Key, Scalar


def mean_squared_error(
    model: Callable[[Float[Array, " in"]], Float[Array, " out"]],
    batch: tuple[Float[Array, "rows in"], Float[Array, "rows out"]],
    key: Key,
) -> Scalar:
    """Mean over rows and entries of (model(u) - c)^2; least at the conditional mean of c.

    Args:
        model: of one example.
        batch: rows of inputs u, and of targets c.
        key: not used; there is nothing random.
    """
    del key
    u, c = batch
    return jnp.mean((jax.vmap(model)(u) - c) ** 2)
