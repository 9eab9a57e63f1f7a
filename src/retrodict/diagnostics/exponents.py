"""The size of columns as powers of two, by which they can be divided without rounding."""

import numpy as np
from jaxtyping import Float, Int


def exponents(*samples: Float[np.ndarray, "_ dim"]) -> Int[np.ndarray, " dim"]:
    """For each column the least e with every |value| < 2^e; 0 where all values are zero.

    `np.ldexp(sample, -exponents(sample))` is of order one, so that its squares neither overflow
    nor vanish, and no digit of it differs: for values of 1e200 a standard deviation would be
    infinite, and all that is divided by it zero.
    """
    largest = np.max([np.abs(sample).max(axis=0) for sample in samples], axis=0)
    return np.frexp(largest)[1]
