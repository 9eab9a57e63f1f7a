"""Bijections made of bijections."""

from collections.abc import Sequence
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp

from retrodict.bijections.base import AbstractBijection
from retrodict.bijections.side_by_side import side_by_side
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Scalar


class Chain(AbstractBijection):
    """One after another: f = f_K o ... o f_1, the first given being the first applied to x.

    log |det df/dx| is the sum over the links (change of variables).
    """

    bijections: tuple[AbstractBijection, ...]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: tuple[int, ...] | None = eqx.field(static=True)

    def __init__(self, bijections: Sequence[AbstractBijection]) -> None:
        if not bijections:
            raise ConfigurationError("A chain needs at least one bijection; got none.")
        cond_shapes = {b.cond_shape for b in bijections if b.cond_shape is not None}
        fits = all(a.out_shape == b.shape for a, b in pairwise(bijections))
        if not fits or len(cond_shapes) > 1:
            shapes = ", ".join(f"{b.shape} to {b.out_shape}" for b in bijections)
            raise ConfigurationError(
                f"The links of a chain must agree; got shapes {shapes} and condition "
                f"shapes {sorted(cond_shapes)}.",
                "Build every link with the same `dim` and `cond_dim`.",
            )
        self.bijections = tuple(bijections)
        self.shape = bijections[0].shape
        self.cond_shape = cond_shapes.pop() if cond_shapes else None

    @property
    def out_shape(self) -> tuple[int, ...]:
        return self.bijections[-1].out_shape

    def forward_and_log_det(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "..."], Scalar]:
        total = jnp.zeros((), x.dtype)
        for bijection in self.bijections:
            x, log_det = bijection.forward_and_log_det(x, condition)
            total = total + log_det
        return x, total

    def inverse_and_log_det(
        self, z: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "..."], Scalar]:
        total = jnp.zeros((), z.dtype)
        for bijection in reversed(self.bijections):
            z, log_det = bijection.inverse_and_log_det(z, condition)
            total = total + log_det
        return z, total


class Invert(AbstractBijection):
    """The same bijection with its two directions exchanged."""

    bijection: AbstractBijection
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: tuple[int, ...] | None = eqx.field(static=True)

    def __init__(self, bijection: AbstractBijection) -> None:
        self.bijection = bijection
        self.shape = bijection.out_shape
        self.cond_shape = bijection.cond_shape

    @property
    def out_shape(self) -> tuple[int, ...]:
        return self.bijection.shape

    def forward_and_log_det(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "..."], Scalar]:
        return self.bijection.inverse_and_log_det(x, condition)

    def inverse_and_log_det(
        self, z: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "..."], Scalar]:
        return self.bijection.forward_and_log_det(z, condition)


class Repeat(AbstractBijection):
    """A deep stack of equal layers, applied by `lax.scan`: compile time does not grow with it.

    Args:
        layers: first applied to x first; all must have the same structure, and no layer may
            change the shape.
        unroll: layers per scan iteration, as in `lax.scan`.
    """

    layers: AbstractBijection
    num_layers: int = eqx.field(static=True)
    unroll: int = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: tuple[int, ...] | None = eqx.field(static=True)

    def __init__(self, layers: Sequence[AbstractBijection], unroll: int = 1) -> None:
        if not layers:
            raise ConfigurationError("A stack needs at least one layer; got none.")
        if any(layer.out_shape != layers[0].shape for layer in layers):
            raise ConfigurationError(
                "A stack needs layers that keep the shape "
                f"{layers[0].shape}; got {sorted({layer.out_shape for layer in layers})}.",
                "Put layers that change the shape into a `Chain`.",
            )
        self.layers = side_by_side(layers)
        self.num_layers = len(layers)
        self.unroll = unroll
        self.shape = layers[0].shape
        self.cond_shape = layers[0].cond_shape

    def forward_and_log_det(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "..."], Scalar]:
        return self._scan(x, condition, inverse=False)

    def inverse_and_log_det(
        self, z: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "..."], Scalar]:
        return self._scan(z, condition, inverse=True)

    def _scan(
        self, value: Float[Array, "..."], condition: Float[Array, "..."] | None, *, inverse: bool
    ) -> tuple[Float[Array, "..."], Scalar]:
        arrays, static = eqx.partition(self.layers, eqx.is_array)

        def apply(
            carry: tuple[Float[Array, "..."], Scalar], arrays: AbstractBijection
        ) -> tuple[tuple[Float[Array, "..."], Scalar], None]:
            value, total = carry
            layer = eqx.combine(arrays, static)
            step = layer.inverse_and_log_det if inverse else layer.forward_and_log_det
            value, log_det = step(value, condition)
            return (value, total + log_det), None

        start = (value, jnp.zeros((), value.dtype))
        (value, total), _ = jax.lax.scan(
            apply, start, arrays, reverse=inverse, unroll=min(self.unroll, self.num_layers)
        )
        return value, total
