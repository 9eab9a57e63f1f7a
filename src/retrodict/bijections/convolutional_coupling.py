"""Couplings of images: a convolutional network and any elementwise transformer."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from retrodict.bijections.base import AbstractBijection, require_condition
from retrodict.bijections.transformers import AbstractTransformer
from retrodict.errors import ConfigurationError
from retrodict.networks import ConvolutionalNetwork
from retrodict.typing import Array, Float, Key, Scalar


class AbstractConvolutionalCoupling(AbstractBijection):
    """Keeps some entries of an image and transforms the others, as `Coupling` does with vectors.

        z_moved = transformer(x_moved; network(x_kept, condition))

    The network is a `ConvolutionalNetwork`. A condition that is a vector (a label, one-hot) is
    repeated at every pixel, one that is an image of the same height and width joins the
    channels.
    """

    transformer: eqx.AbstractVar[AbstractTransformer]
    network: eqx.AbstractVar[ConvolutionalNetwork]

    @abc.abstractmethod
    def _kept(
        self, image: Float[Array, "channels height width"]
    ) -> Float[Array, "kept height width"]:
        """What the network may see: the same for x and z."""

    @abc.abstractmethod
    def _moved(self) -> slice | np.ndarray:
        """Which entries of the flat image are transformed."""

    @abc.abstractmethod
    def _parameters_of_moved(
        self, parameters: Float[Array, "channels height width"]
    ) -> Float[Array, "parameters moved"]:
        """What the network says of these entries."""

    def forward_and_log_det(
        self, x: Float[Array, "channels height width"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "channels height width"], Scalar]:
        parameters = self._parameters(x, condition)
        entries = x.reshape(-1)
        moved, log_det = jax.vmap(self.transformer.forward_and_log_det)(
            entries[self._moved()], parameters
        )
        return entries.at[self._moved()].set(moved).reshape(self.shape), log_det.sum()

    def inverse_and_log_det(
        self, z: Float[Array, "channels height width"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "channels height width"], Scalar]:
        parameters = self._parameters(z, condition)
        entries = z.reshape(-1)
        moved, log_det = jax.vmap(self.transformer.inverse_and_log_det)(
            entries[self._moved()], parameters
        )
        return entries.at[self._moved()].set(moved).reshape(self.shape), log_det.sum()

    def _parameters(
        self, image: Float[Array, "channels height width"], condition: Float[Array, "..."] | None
    ) -> Float[Array, "moved parameters"]:
        known = self._kept(image)
        if self.cond_shape is not None:
            condition = require_condition(condition, self.cond_shape)
            if condition.ndim == 1:
                condition = jnp.broadcast_to(
                    condition[:, None, None], (condition.size, *self.shape[1:])
                )
            known = jnp.concatenate([known, condition])
        return self.transformer.tie(self._parameters_of_moved(self.network(known)).T)


class ConvolutionalCoupling(AbstractConvolutionalCoupling):
    """Keeps the first channels and transforms the others.

    (Dinh et al. 2016, arXiv:1605.08803, sec. 3.4.)

    Args:
        transformer: the elementwise map.
        shape: (channels, height, width).
        num_kept_channels: how many leading channels stay; 0 where everything is moved by what
            the condition says alone.
        cond_shape: of the condition: a vector, an image of the same height and width, or None.
        width, depth, activation, pixel_bias: the network, see `ConvolutionalNetwork`.
    """

    transformer: AbstractTransformer
    network: ConvolutionalNetwork
    num_kept_channels: int = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: tuple[int, ...] | None = eqx.field(static=True)

    def __init__(
        self,
        transformer: AbstractTransformer,
        shape: tuple[int, ...],
        num_kept_channels: int,
        cond_shape: tuple[int, ...] | None = None,
        *,
        width: int = 64,
        depth: int = 2,
        activation: str = "relu",
        pixel_bias: bool = True,
        key: Key,
    ) -> None:
        cond_channels = _cond_channels(shape, cond_shape)
        fewest = 0 if cond_channels else 1
        if not fewest <= num_kept_channels < shape[0]:
            raise ConfigurationError(
                f"A coupling of {shape[0]} channels keeps {fewest} to {shape[0] - 1} of them; got "
                f"num_kept_channels={num_kept_channels}.",
                "Give an image of one channel more of them first, by `HaarDownsampling` or "
                "`Squeeze`, or use a `CheckerboardCoupling`.",
            )
        self.transformer = transformer
        self.network = ConvolutionalNetwork(
            num_kept_channels + cond_channels,
            (shape[0] - num_kept_channels) * transformer.num_parameters,
            (shape[1], shape[2]),
            width,
            depth,
            activation,
            pixel_bias=pixel_bias,
            key=key,
        )
        self.num_kept_channels = num_kept_channels
        self.shape = tuple(shape)
        self.cond_shape = cond_shape

    def _kept(
        self, image: Float[Array, "channels height width"]
    ) -> Float[Array, "kept height width"]:
        return image[: self.num_kept_channels]

    def _moved(self) -> slice:
        return slice(self.num_kept_channels * self.shape[1] * self.shape[2], None)

    def _parameters_of_moved(
        self, parameters: Float[Array, "channels height width"]
    ) -> Float[Array, "parameters moved"]:
        return parameters.reshape(self.transformer.num_parameters, -1)


class CheckerboardCoupling(AbstractConvolutionalCoupling):
    """Keeps the pixels of one colour of a checkerboard and transforms the others.

    (Dinh et al. 2016, arXiv:1605.08803, sec. 3.4.) The network sees zero at the pixels that
    are moved. Every channel has the same board; it works for one channel, and for odd heights
    and widths.

    Args:
        transformer: the elementwise map.
        shape: (channels, height, width), of at least two pixels.
        keeps_even: whether the pixels whose row and column add up to an even number stay, or
            the others.
        cond_shape: of the condition: a vector, an image of the same height and width, or None.
        width, depth, activation, pixel_bias: the network, see `ConvolutionalNetwork`.
    """

    transformer: AbstractTransformer
    network: ConvolutionalNetwork
    keeps_even: bool = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: tuple[int, ...] | None = eqx.field(static=True)

    def __init__(
        self,
        transformer: AbstractTransformer,
        shape: tuple[int, ...],
        keeps_even: bool,
        cond_shape: tuple[int, ...] | None = None,
        *,
        width: int = 64,
        depth: int = 2,
        activation: str = "relu",
        pixel_bias: bool = True,
        key: Key,
    ) -> None:
        cond_channels = _cond_channels(shape, cond_shape)
        if shape[1] * shape[2] < 2:
            raise ConfigurationError(
                f"A checkerboard has at least two pixels; got an image of shape {shape}.",
                "Keep some channels instead, by `ConvolutionalCoupling`.",
            )
        self.transformer = transformer
        self.network = ConvolutionalNetwork(
            shape[0] + cond_channels,
            shape[0] * transformer.num_parameters,
            (shape[1], shape[2]),
            width,
            depth,
            activation,
            pixel_bias=pixel_bias,
            key=key,
        )
        self.keeps_even = keeps_even
        self.shape = tuple(shape)
        self.cond_shape = cond_shape

    def _kept(
        self, image: Float[Array, "channels height width"]
    ) -> Float[Array, "kept height width"]:
        return jnp.where(self._is_moved(), 0, image)

    def _moved(self) -> np.ndarray:
        return np.flatnonzero(np.broadcast_to(self._is_moved(), self.shape))

    def _parameters_of_moved(
        self, parameters: Float[Array, "channels height width"]
    ) -> Float[Array, "parameters moved"]:
        return parameters.reshape(self.transformer.num_parameters, -1)[:, self._moved()]

    def _is_moved(self) -> np.ndarray:
        row, column = np.indices(self.shape[1:])
        return (row + column) % 2 == (1 if self.keeps_even else 0)


def _cond_channels(shape: tuple[int, ...], cond_shape: tuple[int, ...] | None) -> int:
    if len(shape) != 3 or min(shape) < 1:
        raise ConfigurationError(f"Expected a shape (channels, height, width); got {tuple(shape)}.")
    if cond_shape is None:
        return 0
    is_image = len(cond_shape) == 3 and cond_shape[1:] == shape[1:]
    if (len(cond_shape) != 1 and not is_image) or min(cond_shape) < 1:
        raise ConfigurationError(
            f"The condition of an image of shape {tuple(shape)} is a vector or an image of the "
            f"same height and width; got shape {cond_shape}.",
            "Resize an image condition for each scale, or condition on a vector.",
        )
    return cond_shape[0]
