"""Invertible residual blocks: an inverse by iteration, at a Lipschitz bound of 0.9."""

import jax.random as jr
from bijection_case import COND_DIM, DIM, Case, randomise

from retrodict.bijections import InvertibleResidual


def residual(key):
    key_build, key_noise = jr.split(key)
    block = InvertibleResidual(DIM, COND_DIM, width=8, depth=1, key=key_build)
    return randomise(block, key_noise)


CASES: dict[str, Case] = {"residual-conditional": Case(residual, tolerances={"float32": 3e-5})}
