"""Learned location and scale of each entry or channel, started from data."""

import math

import equinox as eqx
import jax.numpy as jnp

from retrodict.bijections.base import AbstractBijection
from retrodict.typing import Array, Float, Scalar


class ActNorm(AbstractBijection):
    """z = (x - loc) exp(-log_scale) (Glow, Kingma & Dhariwal 2018, arXiv:1807.03039, sec. 3.1).

    One location and scale for each entry of a vector, or for each channel of an image. Starts
    as the identity; `initialise_actnorm` starts it from data.

    Args:
        shape: of `x`: its length, or a shape whose first axis is that of the channels.
    """

    loc: Float[Array, "channels ..."]
    log_scale: Float[Array, "channels ..."]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(self, shape: int | tuple[int, ...]) -> None:
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        per_channel = (self.shape[0], *(1 for _ in self.shape[1:]))
        self.loc = jnp.zeros(per_channel)
        self.log_scale = jnp.zeros(per_channel)
        self.cond_shape = None

    def forward_and_log_det(
        self, x: Float[Array, "channels ..."], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "channels ..."], Scalar]:
        return (x - self.loc) * jnp.exp(-self.log_scale), -self._log_scale_of_all()

    def inverse_and_log_det(
        self, z: Float[Array, "channels ..."], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "channels ..."], Scalar]:
        return z * jnp.exp(self.log_scale) + self.loc, self._log_scale_of_all()

    def _log_scale_of_all(self) -> Scalar:
        return math.prod(self.shape[1:]) * self.log_scale.sum()


def initialise_actnorm(actnorm: ActNorm, rows: Float[Array, "rows channels ..."]) -> ActNorm:
    """The same layer, started so that `rows` leave it with mean zero and variance one.

    Args:
        actnorm: any; its parameters are replaced, the layer itself is not changed.
        rows: one minibatch as it arrives at this layer. An entry (of images, a channel) that
            does not vary keeps scale one, since no scale could give it variance one.
    """
    over = (0, *range(2, rows.ndim))
    loc = rows.mean(axis=over, keepdims=True)[0]
    scale = rows.std(axis=over, keepdims=True)[0]
    log_scale = jnp.log(jnp.where(scale > 0, scale, 1))
    return eqx.tree_at(lambda layer: (layer.loc, layer.log_scale), actnorm, (loc, log_scale))
