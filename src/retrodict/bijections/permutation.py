"""Reordering of entries."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from retrodict.bijections.base import AbstractBijection
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Int, Scalar


class Permutation(AbstractBijection):
    """z_i = x_order[i], with log-determinant zero.

    Args:
        order: each of 0 ... dim-1 once.
    """

    order: Int[Array, " dim"]
    inverse_order: Int[Array, " dim"]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(self, order: Sequence[int] | np.ndarray) -> None:
        order = np.asarray(order)
        if sorted(order.tolist()) != list(range(order.size)):
            raise ConfigurationError(
                f"A permutation holds each of 0 ... {order.size - 1} once; got {order.tolist()}."
            )
        self.order = jnp.asarray(order, dtype=jnp.int32)
        self.inverse_order = jnp.asarray(np.argsort(order), dtype=jnp.int32)
        self.shape = (order.size,)
        self.cond_shape = None

    def forward_and_log_det(
        self, x: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        return x[self.order], jnp.zeros((), x.dtype)

    def inverse_and_log_det(
        self, z: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        return z[self.inverse_order], jnp.zeros((), z.dtype)
