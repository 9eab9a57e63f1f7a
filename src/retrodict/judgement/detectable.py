"""How large an error the tests of a verdict would have found."""

from dataclasses import dataclass

import numpy as np

from retrodict.diagnostics.arguments import Json

POWER = 0.9
# The exact tests look at all deviations of the ranks, not at mean and width alone: what the
# most powerful test finds has to be larger by this for them; measured by benchmarks/verdict.py.
_PRICE = 1.2


@dataclass(frozen=True)
class Detectable:
    """The errors of one parameter that would have been found nine times in ten.

    Attributes:
        shift: of its posterior mean, in posterior standard deviations.
        spread: of its posterior standard deviation, as a share of it.
        num_observations: that were tested.
    """

    shift: float
    spread: float
    num_observations: int

    def to_dict(self) -> Json:
        return {"shift": self.shift, "spread": self.spread}

    def __str__(self) -> str:
        return (
            f"{self.num_observations:,} observations show no error; a posterior mean wrong by "
            f"{self.shift:.2g} standard deviations, or a standard deviation wrong by "
            f"{self.spread:.0%}, would have been found nine times in ten."
        )


def detectable(num_observations: int, dim: int, level: float) -> Detectable:
    """The size of an error that is found nine times in ten, from normal theory.

    With c the critical value of the mean and the variance of n normal scores,

        shift = price (c + 1.28) / sqrt(n),    spread = price (c + 1.28) / sqrt(2 n),

    where the test of each of `dim` parameters has the share .4 / dim of the level.

    Args:
        num_observations: that are tested.
        dim: number of parameters.
        level: of the whole verdict.
    """
    from scipy.special import ndtri

    # Half for the ranks, half for their distance from the middle, two sides each.
    critical = -ndtri(0.4 * level / dim / 4)
    size = _PRICE * (critical + ndtri(POWER)) / np.sqrt(num_observations)
    return Detectable(float(size), float(size / np.sqrt(2)), num_observations)
