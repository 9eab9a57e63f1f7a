"""A posterior of two branches of unequal weight that y moves, in closed form."""

import numpy as np
from scipy import stats

_WEIGHT, _SD = 0.3, 0.25


def two_branches(num, seed):
    """x is around +-(1 + y, 1), the sign + in 3 of 10 rows."""
    rng = np.random.default_rng(seed)
    y = rng.uniform(0, 1, (num, 1))
    sign = np.where(rng.uniform(size=(num, 1)) < _WEIGHT, 1.0, -1.0)
    centre = np.hstack([1 + y, np.ones((num, 1))])
    return sign * centre + _SD * rng.normal(size=(num, 2)), y


def exact_log_prob(x, y):
    centre = np.hstack([1 + y, np.ones((len(y), 1))])
    plus, minus = (stats.norm.logpdf(x, s * centre, _SD).sum(axis=1) for s in (1, -1))
    return np.logaddexp(np.log(_WEIGHT) + plus, np.log(1 - _WEIGHT) + minus)
