"""Convolutional networks whose last layer starts at zero, so that a flow starts as the identity."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

from retrodict.errors import ConfigurationError
from retrodict.networks.mlp import ACTIVATIONS, require_activation
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

    layers: tuple[eqx.nn.Conv2d, ...]
    last: eqx.nn.Conv2d
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
        first = eqx.nn.Conv2d(in_channels, width, 3, padding=1, key=key_first)
        self.layers = (first, *(eqx.nn.Conv2d(width, width, 1, key=k) for k in keys))
        last = eqx.nn.Conv2d(width, out_channels, 3, padding=1, key=key_last)
        self.last = eqx.tree_at(
            lambda m: (m.weight, m.bias), last, replace_fn=lambda leaf: jnp.zeros_like(leaf)
        )
        self.pixel_bias = jnp.zeros((width, *size)) if pixel_bias else None
        self.activation = activation

    def __call__(self, x: Float[Array, "in height width"]) -> Float[Array, "out height width"]:
        activation = ACTIVATIONS[self.activation]
        hidden = self.layers[0](x)
        if self.pixel_bias is not None:
            hidden = hidden + self.pixel_bias
        hidden = activation(hidden)
        for layer in self.layers[1:]:
            hidden = activation(layer(hidden))
        return self.last(hidden)
