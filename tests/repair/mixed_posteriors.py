"""Posteriors of a mass that is often exactly zero, right or wrong where it is not."""

import numpy as np


def often_zero(seed, num, num_draws=199, *, scale=1.0, upper=False):
    """(draws, truth) of a mass that is 0 with a known probability, else above 10.

    The logarithm of what is above 10 has `scale` times the deviation that it should have. The
    probability of 0 is exact. `upper`: the same below an upper bound of 0.
    """
    rng = np.random.default_rng(seed)
    share = rng.choice([0.0, 0.1, 0.4, 0.7, 0.9], size=(num, 1))
    centre = 100 * np.exp(0.4 * rng.normal(size=(num, 1)))

    def drawn(size, scale):
        mass = 10 + centre * np.exp(0.5 * scale * rng.normal(size=(num, size)))
        return np.where(rng.random((num, size)) < share, 0.0, mass)

    sign = -1 if upper else 1
    return sign * drawn(num_draws, scale)[..., None], sign * drawn(1, 1.0)
