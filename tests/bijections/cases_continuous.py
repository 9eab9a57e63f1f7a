"""Continuous flows, with the accuracy of their solver."""

import jax.random as jr
from bijection_case import COND_DIM, DIM, Case, randomise

from retrodict.bijections import ContinuousFlow, Tolerance
from retrodict.networks import VectorField

SHAPE = (2, 2)


def continuous(cond_dim, **settings):
    def build(key):
        key_field, key_noise = jr.split(key)
        field = VectorField(DIM, cond_dim, width=8, depth=1, num_frequencies=1, key=key_field)
        cond_shape = (cond_dim,) if cond_dim else None
        return ContinuousFlow(
            randomise(field, key_noise),
            (DIM,),
            cond_shape,
            tolerance=Tolerance(1e-8, 1e-8, 1000),
            **settings,
        )

    return build


CASES: dict[str, Case] = {
    "continuous-conditional": Case(
        continuous(COND_DIM, adjoint="direct"), tolerances={"float64": 1e-6}
    ),
}
