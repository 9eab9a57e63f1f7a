"""A learned mixing of channels, the same at every pixel."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp

from retrodict.bijections.base import AbstractBijection
from retrodict.bijections.orthogonal import RandomOrthogonal
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Int, Key, Scalar


class InvertibleConvolution(AbstractBijection):
    """Invertible 1x1 convolution (Kingma & Dhariwal 2018, arXiv:1807.03039, sec. 3.2).

        z[:, i, j] = W x[:, i, j],   W = P L (U + diag(s)),   s = sign * exp(log_diagonal)

    P is a fixed permutation, L lower triangular with ones on its diagonal, U strictly upper
    triangular. The signs stand still, so no training step can make W singular. Starts as a
    random rotation, or reflection.

        log |det dz/dx| = height * width * sum log_diagonal

    The inverse solves two triangular systems.

    Args:
        shape: (channels, height, width).
        key: of the first W.
    """

    lower: Float[Array, "channels channels"]
    upper: Float[Array, "channels channels"]
    log_diagonal: Float[Array, " channels"]
    sign: Int[Array, " channels"]
    order: Int[Array, " channels"]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(self, shape: tuple[int, ...], *, key: Key) -> None:
        if len(shape) != 3 or min(shape) < 1:
            raise ConfigurationError(
                f"Expected a shape (channels, height, width); got {tuple(shape)}."
            )
        rotation = RandomOrthogonal(shape[0], key=key).matrix
        both, _, order = jax.lax.linalg.lu(rotation)
        diagonal = jnp.diagonal(both)
        self.lower = jnp.tril(both, -1)
        self.upper = jnp.triu(both, 1)
        self.log_diagonal = jnp.log(jnp.abs(diagonal))
        self.sign = jnp.where(diagonal < 0, -1, 1).astype(jnp.int32)
        self.order = jnp.argsort(order).astype(jnp.int32)
        self.shape = tuple(shape)
        self.cond_shape = None

    @property
    def matrix(self) -> Float[Array, "channels channels"]:
        """W, from the channels of x to those of z."""
        lower, upper = self._factors()
        return jnp.matmul(lower, upper, precision="highest")[self.order]

    def forward_and_log_det(
        self, x: Float[Array, "channels height width"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "channels height width"], Scalar]:
        pixels = x.reshape(self.shape[0], -1)
        z = jnp.matmul(self.matrix, pixels, precision="highest")
        return z.reshape(self.shape), self._log_det()

    def inverse_and_log_det(
        self, z: Float[Array, "channels height width"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "channels height width"], Scalar]:
        lower, upper = self._factors()
        # P^T undoes P: the pixel entries go back to the rows of L that they came from.
        pixels = z.reshape(self.shape[0], -1)[jnp.argsort(self.order)]
        solve = jax.scipy.linalg.solve_triangular
        inner = solve(lower, pixels, lower=True, unit_diagonal=True)
        return solve(upper, inner, lower=False).reshape(self.shape), -self._log_det()

    def _factors(self) -> tuple[Float[Array, "channels channels"], Float[Array, "c c"]]:
        lower = jnp.tril(self.lower, -1) + jnp.eye(self.shape[0], dtype=self.lower.dtype)
        diagonal = self.sign.astype(self.upper.dtype) * jnp.exp(self.log_diagonal)
        return lower, jnp.triu(self.upper, 1) + jnp.diag(diagonal)

    def _log_det(self) -> Scalar:
        return math.prod(self.shape[1:]) * self.log_diagonal.sum()
