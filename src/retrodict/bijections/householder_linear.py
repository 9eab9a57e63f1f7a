"""Learned rotation of all entries."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from retrodict.bijections.base import AbstractBijection
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Key, Scalar


class HouseholderLinear(AbstractBijection):
    """z = H_K ... H_1 x with reflections H_k = I - 2 v_k v_k^T / |v_k|^2.

    Orthogonal whatever the vectors are, so log |det dz/dx| = 0 and the inverse is the
    reflections in reverse (Tomczak & Welling 2016, arXiv:1611.09630, sec. 3). Starts as random
    reflections. `dim` of them reach every rotation (dim even) or every rotation followed by a
    reflection (dim odd).

    Args:
        dim: length of `x`.
        num_reflections: K; None for `dim`.
        key: of the vectors.

    Raises:
        ConfigurationError: less than one reflection.
    """

    vectors: Float[Array, "reflections dim"]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(self, dim: int, num_reflections: int | None = None, *, key: Key) -> None:
        num_reflections = dim if num_reflections is None else num_reflections
        if num_reflections < 1:
            raise ConfigurationError(
                f"A product of reflections needs at least one; got {num_reflections}.",
                "Use as many as there are entries.",
            )
        self.vectors = jr.normal(key, (num_reflections, dim))
        self.shape = (dim,)
        self.cond_shape = None

    def forward_and_log_det(
        self, x: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        return self._reflect(x, inverse=False), jnp.zeros((), x.dtype)

    def inverse_and_log_det(
        self, z: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        return self._reflect(z, inverse=True), jnp.zeros((), z.dtype)

    def _reflect(self, value: Float[Array, " dim"], *, inverse: bool) -> Float[Array, " dim"]:
        def reflect(
            value: Float[Array, " dim"], vector: Float[Array, " dim"]
        ) -> tuple[Float[Array, " dim"], None]:
            along = (vector * value).sum() / (vector * vector).sum()
            return value - 2 * along * vector, None

        return jax.lax.scan(reflect, value, self.vectors, reverse=inverse)[0]
