"""Bijections of images, of shape (channels, height, width)."""

import jax.random as jr
from bijection_case import COND_DIM, Case, randomise

from retrodict.bijections import (
    ActNorm,
    AffineTransformer,
    Chain,
    CheckerboardCoupling,
    ConvolutionalCoupling,
    HaarDownsampling,
    InvertibleConvolution,
    MultiScale,
    Reshape,
    Squeeze,
)


def convolution(shape):
    def build(key):
        key_build, key_noise = jr.split(key)
        return randomise(InvertibleConvolution(shape, key=key_build), key_noise)

    return build


def channel_coupling(shape, cond_dim):
    def build(key):
        key_build, key_noise = jr.split(key)
        cond_shape = (cond_dim,) if cond_dim else None
        layer = ConvolutionalCoupling(
            AffineTransformer(), shape, 1, cond_shape, width=8, key=key_build
        )
        return randomise(layer, key_noise)

    return build


def checkerboard_coupling(shape, keeps_even):
    def build(key):
        key_build, key_noise = jr.split(key)
        layer = CheckerboardCoupling(
            AffineTransformer(), shape, keeps_even, width=8, pixel_bias=False, key=key_build
        )
        return randomise(layer, key_noise)

    return build


def multi_scale(key):
    first, second = jr.split(key)
    return MultiScale(
        [
            Chain([HaarDownsampling((1, 2, 4)), channel_coupling((4, 1, 2), COND_DIM)(first)]),
            channel_coupling((3, 1, 2), COND_DIM)(second),
        ]
    )


CASES: dict[str, Case] = {
    "squeeze": Case(lambda key: Squeeze((2, 2, 4)), shape=(2, 2, 4), out_shape=(8, 1, 2)),
    "haar": Case(lambda key: HaarDownsampling((2, 4, 2)), shape=(2, 4, 2), out_shape=(8, 2, 1)),
    "reshape": Case(lambda key: Reshape((1, 2, 3)), shape=(1, 2, 3), out_shape=(6,)),
    "actnorm-channels": Case(lambda key: randomise(ActNorm((2, 2, 1)), key), shape=(2, 2, 1)),
    "invertible-convolution": Case(convolution((3, 1, 2)), shape=(3, 1, 2)),
    "convolutional-coupling-conditional": Case(
        channel_coupling((3, 2, 2), COND_DIM), shape=(3, 2, 2)
    ),
    "checkerboard-coupling": Case(checkerboard_coupling((1, 2, 3), True), shape=(1, 2, 3)),
    "multi-scale-conditional": Case(multi_scale, shape=(1, 2, 4), out_shape=(8,)),
}
