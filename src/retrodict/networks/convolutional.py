"""Convolutional networks whose last layer starts at zero, so that a flow starts as the identity."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

from retrodict.errors import ConfigurationError
from retrodict.networks.mlp import ACTIVATIONS, require_activation, zero_linear
from retrodict.typing import Array, Float, Key


class ConvolutionalNetwork(eqx.Module):
    """Convolutions 3x3, then 1x1, then 3x3 from zero, all keeping height and width.

    The network of Glow's couplings (Kingma & Dhariwal 2018, arXiv:1807.03039, sec. 3.3),
    without its normalisation. Images are zero outside. Each pixel of the first hidden layer
    has its own bias, which starts at zero: with it the network can tell places apart, as
    aligned images want (digits, faces); a network without it treats every place alike except
    near the border.

    Args:
        in_channels, out_channels: of the images that come and go.
        size: their height and width.
        width: channels of every hidden layer.
        depth: hidden layers, at least one: the first 3x3, further ones 1x1.
        activation: one of `networks.mlp.ACTIVATIONS`.
        pixel_bias: whether each pixel of the first hidden layer has a bias of its own.
    """

    layers: tuple[eqx.nn.Linear, ...]
    last: eqx.nn.Linear
    pixel_bias: Float[Array, "hidden rows columns"] | None
    activation: str = eqx.field(static=True)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: tuple[int, int],
        width: int,
        depth: int = 2,
        activation: str = "relu",
        *,
        pixel_bias: bool = True,
        key: Key,
    ) -> None:
        require_activation(activation)
        if min(in_channels, out_channels, width, depth) < 1:
            raise ConfigurationError(
                "A convolutional network needs at least one channel in and out, one hidden layer "
                f"and one channel in it; got {in_channels}, {out_channels}, {depth} and {width}."
            )
        key_first, key_last, *keys = jr.split(key, depth + 1)
        first = eqx.nn.Linear(9 * in_channels, width, key=key_first)
        self.layers = (first, *(eqx.nn.Linear(width, width, key=k) for k in keys))
        self.last = zero_linear(9 * width, out_channels, key=key_last)
        self.pixel_bias = jnp.zeros((width, *size)) if pixel_bias else None
        self.activation = activation

    def __call__(self, x: Float[Array, "in height width"]) -> Float[Array, "out height width"]:
        activation = ACTIVATIONS[self.activation]
        hidden = _at_each_pixel(self.layers[0], _neighbourhoods(x))
        if self.pixel_bias is not None:
            hidden = hidden + self.pixel_bias
        hidden = activation(hidden)
        for layer in self.layers[1:]:
            hidden = activation(_at_each_pixel(layer, hidden))
        return _at_each_pixel(self.last, _neighbourhoods(hidden))


def _neighbourhoods(
    x: Float[Array, "channels rows columns"],
) -> Float[Array, "channels9 rows columns"]:
    """Each pixel with its eight neighbours, as channels; zero outside the image.

    Entry 9 c + 3 a + b is channel c one row above, at, below the pixel for a = 0, 1, 2, and one
    column left, at, right of it for b = 0, 1, 2. A 3x3 convolution is then a product of
    matrices. XLA's own convolutions are some ten times slower inside a scan on CPUs, and both
    the layers and the steps of training are scans.
    """
    channels, rows, columns = x.shape
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1)))
    shifted = [padded[:, a : a + rows, b : b + columns] for a in range(3) for b in range(3)]
    return jnp.stack(shifted, axis=1).reshape(9 * channels, rows, columns)


def _at_each_pixel(
    layer: eqx.nn.Linear, x: Float[Array, "in rows columns"]
) -> Float[Array, "out rows columns"]:
    bias = jnp.zeros((), x.dtype) if layer.bias is None else layer.bias[:, None]
    flat = layer.weight @ x.reshape(x.shape[0], -1) + bias
    return flat.reshape(-1, *x.shape[1:])
