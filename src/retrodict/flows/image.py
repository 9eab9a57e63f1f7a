"""Flows over images, of shape (channels, height, width)."""

from dataclasses import dataclass
from typing import ClassVar

import jax.random as jr

from retrodict.bijections import (
    AbstractBijection,
    ActNorm,
    AffineTransformer,
    Chain,
    ConvolutionalCoupling,
    HaarDownsampling,
    InvertibleConvolution,
    MultiScale,
    Repeat,
    Squeeze,
)
from retrodict.distributions import StandardNormal, Transformed
from retrodict.errors import ConfigurationError
from retrodict.typing import Key

DOWNSAMPLINGS: dict[str, type[HaarDownsampling] | type[Squeeze]] = {
    "haar": HaarDownsampling,
    "squeeze": Squeeze,
}


@dataclass(frozen=True)
class ImageGlow:
    """Glow (Kingma & Dhariwal 2018, arXiv:1807.03039), multi-scale.

    Each level halves height and width, then applies `num_layers` steps of flow: a location and
    scale of each channel, an invertible 1x1 convolution, an affine coupling by a convolutional
    network. After each level but the last, half of the channels leave: with Haar wavelets the
    details of the first level. What leaves is first shifted and scaled by a network of what
    stays, which is Glow's learned prior.

    It wants images that are roughly standardised, with continuous values: add uniform noise to
    grey levels, and map a bounded range to the reals by `BoundedToReal`.

    It is no entry of `ARCHITECTURES`: those flows are over vectors, and are built from a number
    of entries instead of a shape.

    Args:
        num_levels: scales; height and width must be multiples of 2^num_levels.
        num_layers: steps of flow per level.
        width, depth: hidden channels and layers of each network, see `ConvolutionalNetwork`.
        activation: of the networks, see `networks.mlp.ACTIVATIONS`.
        pixel_bias: whether networks know places, as aligned images want.
        clamp: bound of the log-scales of the couplings.
        downsampling: "haar" or "squeeze".
        unroll: steps per iteration of the scan over a level.
    """

    name: ClassVar[str] = "image-glow"
    num_levels: int = 2
    num_layers: int = 4
    width: int = 64
    depth: int = 2
    activation: str = "relu"
    pixel_bias: bool = True
    clamp: float = 2.0
    downsampling: str = "haar"
    unroll: int = 1

    def build(self, shape: tuple[int, ...], cond_dim: int = 0, *, key: Key) -> Transformed:
        """A new flow over images of that shape given `cond_dim` numbers (0: unconditional).

        Raises:
            ConfigurationError: an image that cannot be halved so often, an unknown
                downsampling, or settings below one.
        """
        self._check(shape)
        cond_shape = (cond_dim,) if cond_dim else None
        stages = []
        for level, level_key in enumerate(jr.split(key, self.num_levels)):
            stage = self._stage(
                shape, cond_shape, is_last=level == self.num_levels - 1, key=level_key
            )
            stages.append(stage)
            shape = (stage.out_shape[0] // 2, *stage.out_shape[1:])
        bijection = MultiScale(stages)
        return Transformed(StandardNormal(bijection.out_shape), bijection)

    def _stage(
        self, shape: tuple[int, ...], cond_shape: tuple[int, ...] | None, *, is_last: bool, key: Key
    ) -> AbstractBijection:
        key_prior, *keys = jr.split(key, self.num_layers + 1)
        halved = DOWNSAMPLINGS[self.downsampling](shape)
        shape = halved.out_shape
        steps = [self._step(shape, cond_shape, key=step_key) for step_key in keys]
        links: list[AbstractBijection] = [halved, Repeat(steps, unroll=self.unroll)]
        if not is_last:
            links.append(self._coupling(shape, cond_shape, key=key_prior))
        return Chain(links)

    def _step(
        self, shape: tuple[int, ...], cond_shape: tuple[int, ...] | None, *, key: Key
    ) -> AbstractBijection:
        key_mix, key_coupling = jr.split(key)
        return Chain(
            [
                ActNorm(shape),
                InvertibleConvolution(shape, key=key_mix),
                self._coupling(shape, cond_shape, key=key_coupling),
            ]
        )

    def _coupling(
        self, shape: tuple[int, ...], cond_shape: tuple[int, ...] | None, *, key: Key
    ) -> ConvolutionalCoupling:
        return ConvolutionalCoupling(
            AffineTransformer(clamp=self.clamp),
            shape,
            shape[0] // 2,
            cond_shape,
            width=self.width,
            depth=self.depth,
            activation=self.activation,
            pixel_bias=self.pixel_bias,
            key=key,
        )

    def _check(self, shape: tuple[int, ...]) -> None:
        if min(self.num_levels, self.num_layers) < 1:
            raise ConfigurationError(
                "Expected at least one level and one layer; got "
                f"num_levels={self.num_levels}, num_layers={self.num_layers}."
            )
        if self.downsampling not in DOWNSAMPLINGS:
            raise ConfigurationError(
                f"Unknown downsampling {self.downsampling!r}.",
                f"Use one of {', '.join(DOWNSAMPLINGS)}.",
            )
        factor = 2**self.num_levels
        if len(shape) != 3 or min(shape) < 1 or shape[1] % factor or shape[2] % factor:
            raise ConfigurationError(
                f"A flow of {self.num_levels} levels needs images of shape (channels, height, "
                f"width), height and width multiples of {factor}; got {tuple(shape)}.",
                "Choose fewer levels by `num_levels`, or pad the images.",
            )
