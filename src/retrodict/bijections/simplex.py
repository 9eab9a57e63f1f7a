"""From the simplex to real numbers: shares that sum to one."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from retrodict.bijections.base import AbstractBijection
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Scalar


class StickBreaking(AbstractBijection):
    """The first d - 1 of d positive shares that sum to one <-> R^(d-1), by breaking a stick.

        z_k = log x_k - log r_k + log(d - k),   r_k = 1 - x_1 - ... - x_k

    r_k being what is left after the k-th piece: z_k is the logit of the piece's part of the
    stick, moved so that z = 0 are equal shares. With v_k = sigmoid(z_k - log(d - k)),

        x_k = v_k (1 - v_1) ... (1 - v_(k-1)),   log |det dx/dz| = log x_1 + ... + log x_d

    (Aitchison 1982, JRSS B 44, 139; the density is per unit of the first d - 1 shares, as the
    Dirichlet's is usually written).

    Precision. A float near one is dense to 6e-8 (float32) or 1e-16 (float64), so no smaller
    last share can be told from the first ones: r saturates there, and shares at 1e-31 or
    1e-292, so that both directions and their gradients are finite everywhere. `log_shares`
    gives all d logarithms from z without that loss.

    Outside the simplex the log-determinant of `forward` is -inf: no density there.

    Args:
        num_shares: d, at least two.
    """

    num_shares: int = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(self, num_shares: int) -> None:
        if num_shares < 2:
            raise ConfigurationError(
                f"A simplex needs at least two shares; got {num_shares}.",
                "One share is always one: there is nothing to learn.",
            )
        self.num_shares = num_shares
        self.shape = (num_shares - 1,)
        self.cond_shape = None

    def forward_and_log_det(
        self, x: Float[Array, " free"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " free"], Scalar]:
        limits = np.finfo(x.dtype)
        left = 1 - jnp.cumsum(x)
        log_left = jnp.log(jnp.maximum(left, limits.epsneg))
        log_x = jnp.log(jnp.maximum(x, _smallest(x.dtype)))
        inside = (x >= 0).all() & (left[-1] >= -limits.eps * self.num_shares)
        log_det = -(log_x.sum() + log_left[-1])
        return log_x - log_left - self._offsets(x.dtype), jnp.where(inside, log_det, -jnp.inf)

    def inverse_and_log_det(
        self, z: Float[Array, " free"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " free"], Scalar]:
        log_shares = self.log_shares(z)
        x = jnp.maximum(jnp.exp(log_shares[:-1]), _smallest(z.dtype))
        return x, log_shares.sum()

    def log_shares(self, z: Float[Array, " free"]) -> Float[Array, " shares"]:
        """log x of all d shares, the last one as precise as the others."""
        logits = z + self._offsets(z.dtype)
        log_left = jnp.cumsum(jax.nn.log_sigmoid(-logits))
        before = jnp.concatenate([jnp.zeros(1, z.dtype), log_left])
        return before + jnp.append(jax.nn.log_sigmoid(logits), jnp.zeros((), z.dtype))

    def _offsets(self, dtype: np.dtype) -> np.ndarray:
        return -np.log(np.arange(self.num_shares - 1, 0, -1)).astype(dtype)


def _smallest(dtype: np.dtype) -> np.ndarray:
    """The smallest share: its inverse is still far from overflow."""
    limits = np.finfo(dtype)
    return np.asarray(limits.tiny / limits.eps, dtype)
