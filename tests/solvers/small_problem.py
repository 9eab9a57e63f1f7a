"""A small problem and a small flow, shared by the tests of solvers."""

import numpy as np

from retrodict.flows import SplineCoupling
from retrodict.variables import Variable

SMALL = SplineCoupling(num_layers=2, width=16, depth=1, num_bins=4)
PARAMETERS = (
    Variable("angle", "rad", lower=0.0, upper=2.0),
    Variable("mass", "kg", lower=0.0),
)
OBSERVABLES = (Variable("range", "m"),)


def pairs(num, seed=0):
    """A bounded and a half-bounded cause, one skewed effect."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.uniform(0, 2, num), rng.lognormal(0, 0.5, num)])
    y = np.exp(x[:, :1] + 0.3 * x[:, 1:] + 0.2 * rng.normal(size=(num, 1)))
    return x, y
