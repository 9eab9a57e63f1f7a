"""Autoregressive layers and the monotone network."""

import jax.random as jr
from bijection_case import COND_DIM, DIM, Case, randomise

from retrodict.bijections import (
    AffineTransformer,
    Coupling,
    MaskedAutoregressive,
    MonotoneNetworkTransformer,
)

MONOTONE = MonotoneNetworkTransformer(num_units=4)


def autoregressive(key):
    key_build, key_noise = jr.split(key)
    layer = MaskedAutoregressive(
        AffineTransformer(), DIM, COND_DIM, width=8, depth=2, key=key_build
    )
    return randomise(layer, key_noise)


def monotone_coupling(key):
    key_build, key_noise = jr.split(key)
    return randomise(Coupling(MONOTONE, DIM, 1, width=8, depth=1, key=key_build), key_noise)


CASES: dict[str, Case] = {
    "autoregressive-conditional": Case(autoregressive),
    "monotone-network-coupling": Case(monotone_coupling),
}
