"""Fixed random mixing of all entries."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from retrodict.bijections.base import AbstractBijection
from retrodict.typing import Array, Float, Int, Key, Scalar


class RandomOrthogonal(AbstractBijection):
    """z = Q x with a fixed orthogonal Q, so log |det dz/dx| = 0 and x = Q^T z.

    Q is drawn from the Haar measure: the Q of a Gaussian matrix's QR factorisation, the signs
    of R's diagonal moved into it (Mezzadri 2007, arXiv:math-ph/0609050). It is not trained:
    its numbers are kept as their bits, since weight decay would shrink a floating-point array
    that has no gradient, and Q would no longer be orthogonal.

    Args:
        dim: length of `x`.
        key: of the draw.
    """

    bits: Int[Array, "dim dim"]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(self, dim: int, *, key: Key) -> None:
        q, r = jnp.linalg.qr(jr.normal(key, (dim, dim)))
        diagonal = jnp.diagonal(r)
        q = q * jnp.where(diagonal < 0, -1, 1)
        as_int = {jnp.dtype("float32"): jnp.int32, jnp.dtype("float64"): jnp.int64}[q.dtype]
        self.bits = jax.lax.bitcast_convert_type(q, as_int)
        self.shape = (dim,)
        self.cond_shape = None

    @property
    def matrix(self) -> Float[Array, "dim dim"]:
        """Q."""
        as_float = jnp.float32 if self.bits.dtype == jnp.int32 else jnp.float64
        return jax.lax.bitcast_convert_type(self.bits, as_float)

    def forward_and_log_det(
        self, x: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        return _multiply(self.matrix, x), jnp.zeros((), x.dtype)

    def inverse_and_log_det(
        self, z: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        return _multiply(self.matrix.T, z), jnp.zeros((), z.dtype)


def _multiply(matrix: Float[Array, "dim dim"], vector: Float[Array, " dim"]) -> Array:
    # At an accelerator's default precision Q^T Q would miss the identity by a thousandth.
    return jnp.matmul(matrix.astype(vector.dtype), vector, precision="highest")
