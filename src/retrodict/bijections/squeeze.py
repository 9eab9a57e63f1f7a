"""From space to channels: half the height and width, four times the channels."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from retrodict.bijections.base import AbstractBijection
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Scalar

# Rows: average, left against right, top against bottom, one diagonal against the other. The
# matrix is symmetric and orthogonal, hence its own inverse.
_HAAR = 0.5 * np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])


class Squeeze(AbstractBijection):
    """Each 2x2 square of pixels becomes four channels (Dinh et al. 2016, arXiv:1605.08803).

        z[(2 a + b) c + k, i, j] = x[k, 2 i + a, 2 j + b],   a, b in {0, 1}

    so the c channels of one corner stay together. log |det dz/dx| = 0.

    Args:
        shape: (channels, height, width) of x, height and width even.
    """

    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(self, shape: tuple[int, ...]) -> None:
        _require_even(shape)
        self.shape = tuple(shape)
        self.cond_shape = None

    @property
    def out_shape(self) -> tuple[int, ...]:
        return _squeezed(self.shape)

    def forward_and_log_det(
        self, x: Float[Array, "channels height width"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "channels4 height2 width2"], Scalar]:
        return _corners(x).reshape(self.out_shape), jnp.zeros((), x.dtype)

    def inverse_and_log_det(
        self,
        z: Float[Array, "channels4 height2 width2"],
        condition: Float[Array, "..."] | None = None,
    ) -> tuple[Float[Array, "channels height width"], Scalar]:
        return _from_corners(z, self.shape), jnp.zeros((), z.dtype)


class HaarDownsampling(AbstractBijection):
    """The orthonormal Haar wavelets of 2x2 squares (Ardizzone et al. 2019, arXiv:1907.02392).

    Of the four subbands, each of c channels, the averages (times two) come first, so that
    `MultiScale` lets details go and keeps a smaller image; then what differs from left to
    right, from top to bottom, and along the diagonals. For the square [[p, q], [r, s]]:

        z = 1/2 (p + q + r + s,  p - q + r - s,  p + q - r - s,  p - q - r + s)

    log |det dz/dx| = 0.

    Args:
        shape: (channels, height, width) of x, height and width even.
    """

    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(self, shape: tuple[int, ...]) -> None:
        _require_even(shape)
        self.shape = tuple(shape)
        self.cond_shape = None

    @property
    def out_shape(self) -> tuple[int, ...]:
        return _squeezed(self.shape)

    def forward_and_log_det(
        self, x: Float[Array, "channels height width"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "channels4 height2 width2"], Scalar]:
        return _haar(_corners(x).reshape(self.out_shape)), jnp.zeros((), x.dtype)

    def inverse_and_log_det(
        self,
        z: Float[Array, "channels4 height2 width2"],
        condition: Float[Array, "..."] | None = None,
    ) -> tuple[Float[Array, "channels height width"], Scalar]:
        return _from_corners(_haar(z), self.shape), jnp.zeros((), z.dtype)


def _require_even(shape: tuple[int, ...]) -> None:
    if len(shape) != 3 or min(shape) < 1 or shape[1] % 2 or shape[2] % 2:
        raise ConfigurationError(
            "Halving an image needs a shape (channels, height, width) with even height and "
            f"width; got {tuple(shape)}.",
            "Pad or crop the images to a multiple of 2 for each time they are halved.",
        )


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    channels, height, width = shape
    return 4 * channels, height // 2, width // 2


def _corners(x: Float[Array, "channels height width"]) -> Float[Array, "2 2 channels h w"]:
    channels, height, width = x.shape
    squares = x.reshape(channels, height // 2, 2, width // 2, 2)
    return squares.transpose(2, 4, 0, 1, 3)


def _from_corners(
    z: Float[Array, "channels4 h w"], shape: tuple[int, ...]
) -> Float[Array, "channels height width"]:
    channels, height, width = shape
    corners = z.reshape(2, 2, channels, height // 2, width // 2)
    return corners.transpose(2, 3, 0, 4, 1).reshape(shape)


def _haar(z: Float[Array, "channels4 h w"]) -> Float[Array, "channels4 h w"]:
    matrix = jnp.asarray(_HAAR, z.dtype)
    return jnp.matmul(matrix, z.reshape(4, -1), precision="highest").reshape(z.shape)
