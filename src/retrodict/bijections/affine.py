"""Fixed location and scale of each entry."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from retrodict.bijections.base import AbstractBijection
from retrodict.bijections.fitting import require_fittable
from retrodict.typing import Array, Float, Scalar


class Affine(AbstractBijection):
    """z = (x - loc) / scale, with log |det dz/dx| = -sum log |scale|.

    Location and scale stand still: no gradient flows into them (`ActNorm` is the learned one).

    Args:
        loc: what is mapped to zero, in the units of `x`.
        scale: what is mapped to one unit of `z`, in the units of `x`; not zero.
    """

    loc: Float[Array, " dim"]
    scale: Float[Array, " dim"]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(
        self,
        loc: Float[Array, " dim"] | Float[np.ndarray, " dim"],
        scale: Float[Array, " dim"] | Float[np.ndarray, " dim"],
    ) -> None:
        self.loc = jnp.asarray(loc)
        self.scale = jnp.asarray(scale)
        self.shape = self.loc.shape
        self.cond_shape = None

    def forward_and_log_det(
        self, x: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        loc, scale = jax.lax.stop_gradient((self.loc, self.scale))
        return (x - loc) / scale, -jnp.log(jnp.abs(scale)).sum()

    def inverse_and_log_det(
        self, z: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        loc, scale = jax.lax.stop_gradient((self.loc, self.scale))
        return z * scale + loc, jnp.log(jnp.abs(scale)).sum()


def standardise(rows: np.ndarray) -> Affine:
    """The affine map that gives each column of `rows` mean zero and standard deviation one.

    Args:
        rows: training examples, shape (rows, dim).

    Raises:
        DataError: rows that hold NaN or infinity, a constant column, or no second row.
    """
    rows = require_fittable(rows)
    return Affine(rows.mean(axis=0), rows.std(axis=0))
