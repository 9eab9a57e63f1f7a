"""Learned location and scale of each entry, started from data."""

import equinox as eqx
import jax.numpy as jnp

from retrodict.bijections.base import AbstractBijection
from retrodict.typing import Array, Float, Scalar


class ActNorm(AbstractBijection):
    """z = (x - loc) exp(-log_scale) (Glow, Kingma & Dhariwal 2018, arXiv:1807.03039, sec. 3.1).

    Starts as the identity; `initialise_actnorm` starts it from data.

    Args:
        dim: length of `x`.
    """

    loc: Float[Array, " dim"]
    log_scale: Float[Array, " dim"]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(self, dim: int) -> None:
        self.loc = jnp.zeros(dim)
        self.log_scale = jnp.zeros(dim)
        self.shape = (dim,)
        self.cond_shape = None

    def forward_and_log_det(
        self, x: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        return (x - self.loc) * jnp.exp(-self.log_scale), -self.log_scale.sum()

    def inverse_and_log_det(
        self, z: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        return z * jnp.exp(self.log_scale) + self.loc, self.log_scale.sum()


def initialise_actnorm(actnorm: ActNorm, rows: Float[Array, "rows dim"]) -> ActNorm:
    """The same layer, started so that `rows` leave it with mean zero and variance one.

    Args:
        actnorm: any; its parameters are replaced, the layer itself is not changed.
        rows: one minibatch as it arrives at this layer. An entry that does not vary keeps
            scale one, since no scale could give it variance one.
    """
    loc = rows.mean(axis=0)
    scale = rows.std(axis=0)
    log_scale = jnp.log(jnp.where(scale > 0, scale, 1))
    return eqx.tree_at(lambda layer: (layer.loc, layer.log_scale), actnorm, (loc, log_scale))
