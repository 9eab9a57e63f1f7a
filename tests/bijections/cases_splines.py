"""Couplings by each of the splines."""

import numpy as np
from bijection_case import COND_DIM, DIM, Case, randomise

from retrodict.bijections import (
    CircularSplineTransformer,
    Coupling,
    CubicSplineTransformer,
    PiecewiseLinearTransformer,
    PiecewiseQuadraticTransformer,
)

BOUND = 5.0


def coupling(transformer, cond_dim=0):
    def build(key):
        layer = Coupling(transformer, DIM, 1, cond_dim, width=8, depth=1, key=key)
        return randomise(layer, key)

    return build


# Of the linear spline in x, and the ends of all. The density of the linear spline jumps there,
# that of the cubic at the ends: one-sided derivatives are finite.
KNOTS = (-BOUND, -BOUND / 2, 0.0, BOUND / 2, BOUND)

CASES: dict[str, Case] = {
    "linear-spline": Case(
        coupling(PiecewiseLinearTransformer(num_bins=4, bound=BOUND)), knots=KNOTS
    ),
    "quadratic-spline": Case(
        coupling(PiecewiseQuadraticTransformer(num_bins=4, bound=BOUND)), knots=KNOTS
    ),
    "cubic-spline-conditional": Case(
        coupling(CubicSplineTransformer(num_bins=4, bound=BOUND), COND_DIM), knots=KNOTS
    ),
    "circular-spline-conditional": Case(
        coupling(CircularSplineTransformer(num_bins=4), COND_DIM),
        into_domain=lambda normal: np.clip(normal, -3, 3),
        knots=(-np.pi, 0.0, np.pi),
    ),
}
