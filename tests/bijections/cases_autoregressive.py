"""Autoregressive layers, in both directions, and the monotone network."""

import jax.random as jr
from bijection_case import COND_DIM, DIM, Case, randomise

from retrodict.bijections import (
    AffineTransformer,
    Coupling,
    Invert,
    MaskedAutoregressive,
    MonotoneNetworkTransformer,
)

MONOTONE = MonotoneNetworkTransformer(num_units=4)


def autoregressive(transformer, cond_dim):
    def build(key):
        key_build, key_noise = jr.split(key)
        layer = MaskedAutoregressive(transformer, DIM, cond_dim, width=8, depth=2, key=key_build)
        return randomise(layer, key_noise)

    return build


def monotone_coupling(key):
    key_build, key_noise = jr.split(key)
    return randomise(Coupling(MONOTONE, DIM, 1, width=8, depth=1, key=key_build), key_noise)


CASES: dict[str, Case] = {
    "autoregressive": Case(autoregressive(AffineTransformer(), 0)),
    "inverse-autoregressive-conditional": Case(
        lambda key: Invert(autoregressive(AffineTransformer(), COND_DIM)(key)),
    ),
    "monotone-network-coupling": Case(monotone_coupling),
}
