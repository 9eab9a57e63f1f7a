"""The same entries in an array of another shape."""

import math

import equinox as eqx
import jax.numpy as jnp

from retrodict.bijections.base import AbstractBijection
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Scalar


class Reshape(AbstractBijection):
    """z holds the entries of x in row-major order, with log-determinant zero.

    Args:
        shape: of x.
        target: shape of z; without it, one vector of all entries.
    """

    shape: tuple[int, ...] = eqx.field(static=True)
    target: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(self, shape: tuple[int, ...], target: tuple[int, ...] | None = None) -> None:
        self.shape = tuple(shape)
        self.target = (math.prod(shape),) if target is None else tuple(target)
        self.cond_shape = None
        if min((*self.shape, *self.target), default=1) < 1 or (
            math.prod(self.shape) != math.prod(self.target)
        ):
            raise ConfigurationError(
                f"Expected two shapes with the same number of entries; got {self.shape} and "
                f"{self.target}.",
                "Leave out `target` for one vector of all entries.",
            )

    @property
    def out_shape(self) -> tuple[int, ...]:
        return self.target

    def forward_and_log_det(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "..."], Scalar]:
        return x.reshape(self.target), jnp.zeros((), x.dtype)

    def inverse_and_log_det(
        self, z: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "..."], Scalar]:
        return z.reshape(self.shape), jnp.zeros((), z.dtype)
