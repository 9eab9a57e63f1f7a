"""Which order statistic of the calibration scores a level asks for, and how many it needs.

A new score is as likely in any of the n + 1 gaps that n exchangeable, distinct ones leave
(Vovk et al. 2005, doi:10.1007/b106715; Lei et al. 2018, arXiv:1604.04173), so that

    P(s_(k) <= s <= s_(n + 1 - k)) = 1 - 2 k / (n + 1),     P(s <= s_(r)) = r / (n + 1).
"""

import math

from retrodict.errors import ConfigurationError

_ROUNDING = 1e-9  # (n + 1) (1 - .95) may be 1.9999999999999998


def fewest_scores(level: float, *, num_tails: int) -> int:
    """n >= num_tails / (1 - level) - 1: fewer leave no gap to exclude in every tail."""
    return math.ceil(num_tails / (1 - level) - _ROUNDING) - 1


def num_excluded(num_scores: int, level: float, *, num_tails: int) -> int:
    """Gaps to exclude in each tail: the most that keep the coverage at `level` or above."""
    return math.floor((num_scores + 1) * (1 - level) / num_tails + _ROUNDING)


def check_level(level: float) -> float:
    """The level, if it is a probability strictly between 0 and 1.

    Raises:
        ConfigurationError: it is not.
    """
    if not 0 < level < 1:
        raise ConfigurationError(
            f"A level is a probability strictly between 0 and 1; got {level}.",
            "Write 0.95 for 95 %.",
        )
    return float(level)
