"""Autoregressive layers, in both directions."""

import jax.random as jr
from bijection_case import COND_DIM, DIM, Case, randomise

from retrodict.bijections import (
    AffineTransformer,
    ComposedTransformer,
    Invert,
    MaskedAutoregressive,
    RationalQuadraticTransformer,
)


def autoregressive(transformer, cond_dim):
    def build(key):
        key_build, key_noise = jr.split(key)
        layer = MaskedAutoregressive(transformer, DIM, cond_dim, width=8, depth=2, key=key_build)
        return randomise(layer, key_noise)

    return build


BOUND = 5.0
SPLINE = ComposedTransformer(
    AffineTransformer(), RationalQuadraticTransformer(num_bins=4, bound=BOUND)
)

CASES: dict[str, Case] = {
    "affine-autoregressive": Case(autoregressive(AffineTransformer(), 0)),
    "spline-autoregressive-conditional": Case(
        autoregressive(SPLINE, COND_DIM), knots=(-BOUND, BOUND)
    ),
    "inverse-autoregressive-conditional": Case(
        lambda key: Invert(autoregressive(AffineTransformer(), COND_DIM)(key))
    ),
}
