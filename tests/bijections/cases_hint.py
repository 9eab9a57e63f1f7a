"""Hierarchical couplings, of enough entries to have couplings inside couplings."""

import jax.random as jr
from bijection_case import COND_DIM, Case, randomise

from retrodict.bijections import AffineTransformer, HierarchicalCoupling

DIM = 4


def hierarchical_coupling(key):
    key_build, key_noise = jr.split(key)
    layer = HierarchicalCoupling(
        AffineTransformer(), DIM, COND_DIM, width=8, depth=1, key=key_build
    )
    return randomise(layer, key_noise)


CASES: dict[str, Case] = {
    "hierarchical-coupling-conditional": Case(hierarchical_coupling, shape=(DIM,))
}
