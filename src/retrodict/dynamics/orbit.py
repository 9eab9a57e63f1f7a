"""Where a map takes a point."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float


def orbit(
    map: Callable[[Float[Array, "..."]], Float[Array, "..."]],  # noqa: A002 (what it is)
    x0: ArrayLike,
    num_steps: int,
) -> Float[Array, "..."]:
    """x_0, x_1 = f(x_0), x_2 = f(x_1), ..., of shape (num_steps + 1, *shape of x0).

    Args:
        map: from numbers of one shape to numbers of the same shape.
        x0: the start.
        num_steps: applications of the map.
    """
    if num_steps < 0:
        raise ConfigurationError(f"An orbit has no negative length; got num_steps={num_steps}.")
    start = jnp.asarray(x0, dtype=jnp.result_type(x0, float))

    def step(x: Float[Array, "..."], _: None) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        following = map(x)
        return following, following

    _, rest = jax.lax.scan(step, start, None, length=num_steps)
    return jnp.concatenate([start[None], rest])
