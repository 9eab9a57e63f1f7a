"""Learned invertible matrix, factorised so that its determinant and inverse are cheap."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jax.scipy.linalg import solve_triangular

from retrodict.bijections.base import AbstractBijection
from retrodict.typing import Array, Float, Int, Key, Scalar


class LULinear(AbstractBijection):
    """z = P L U x + b (Glow, Kingma & Dhariwal 2018, arXiv:1807.03039, sec. 3.2).

    L is lower triangular with a diagonal of ones, U upper triangular with a diagonal of
    exp(log_diagonal), so log |det dz/dx| = sum log_diagonal; the inverse solves two triangular
    systems. The permutation P is drawn once and not trained. Starts as P alone.

    Args:
        dim: length of `x`.
        key: of the permutation.
    """

    factors: Float[Array, "dim dim"]
    log_diagonal: Float[Array, " dim"]
    bias: Float[Array, " dim"]
    order: Int[Array, " dim"]
    inverse_order: Int[Array, " dim"]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(self, dim: int, *, key: Key) -> None:
        # L below the diagonal and U above it share one matrix; its own diagonal is not used.
        self.factors = jnp.zeros((dim, dim))
        self.log_diagonal = jnp.zeros(dim)
        self.bias = jnp.zeros(dim)
        self.order = jr.permutation(key, dim).astype(jnp.int32)
        self.inverse_order = jnp.argsort(self.order).astype(jnp.int32)
        self.shape = (dim,)
        self.cond_shape = None

    @property
    def lower(self) -> Float[Array, "dim dim"]:
        """L."""
        return jnp.tril(self.factors, -1) + jnp.eye(self.bias.size, dtype=self.factors.dtype)

    @property
    def upper(self) -> Float[Array, "dim dim"]:
        """U."""
        return jnp.triu(self.factors, 1) + jnp.diag(jnp.exp(self.log_diagonal))

    def forward_and_log_det(
        self, x: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        # At an accelerator's default precision the inverse would miss x by a thousandth.
        z = jnp.matmul(self.upper, x, precision="highest")
        z = jnp.matmul(self.lower, z, precision="highest")
        return z[self.order] + self.bias, self.log_diagonal.sum()

    def inverse_and_log_det(
        self, z: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        x = (z - self.bias)[self.inverse_order]
        x = solve_triangular(self.lower, x, lower=True, unit_diagonal=True)
        x = solve_triangular(self.upper, x)
        return x, -self.log_diagonal.sum()
