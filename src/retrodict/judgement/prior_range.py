"""Was the prior that the posteriors come from too narrow for these true values?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

_FEWEST_BEYOND = 0.02
_CHANCE = 1e-3
# In standard deviations of the draws: how near to the end the outermost of them come. Those
# of a posterior that is not cut off end about one from the outermost of many others.
_NEAR = 0.3
_SMALLEST_SD = 1e-300


@dataclass(frozen=True)
class CutOff:
    """True values of one parameter beyond an end that no draw passes.

    Attributes:
        name: of the parameter.
        share: of the true values that lie beyond.
        end: the outermost of all draws on that side.
        is_upper: whether it is the upper end.
    """

    name: str
    share: float
    end: float
    is_upper: bool

    def __str__(self) -> str:
        side, outermost = ("above", "largest") if self.is_upper else ("below", "smallest")
        return (
            f"Widen the prior of `{self.name}`: {self.share:.0%} of its true values lie {side} "
            f"{self.end:.4g}, the {outermost} of all draws, and the draws for them crowd at that "
            "end, as they do where training has seen nothing beyond."
        )


def cut_offs(
    draws: Float[np.ndarray, "observations draws dim"],
    truth: Float[np.ndarray, "observations dim"],
    names: Sequence[str],
) -> tuple[CutOff, ...]:
    """Ends of the prior that true values pass, the gravest first.

    The true value of an observation passes all of its L exact draws with probability
    1 / (L + 1), and those of all other observations even more rarely. Where more of them lie
    beyond the outermost draw, the prior was too narrow if the draws for them reach up to that
    end, as if cut off there; otherwise they miss the truth for another reason.

    Args:
        draws: posterior draws.
        truth: true values.
        names: of the parameters.
    """
    from scipy.stats import binom

    num, num_draws, dim = draws.shape
    sds = draws.std(axis=1)
    found = []
    for i in range(dim):
        for is_upper in (False, True):
            sign = 1 if is_upper else -1
            outermost = (sign * draws[..., i]).max(axis=1)
            end = outermost.max()
            beyond = sign * truth[:, i] > end
            count = int(beyond.sum())
            p_value = binom.sf(count - 1, num, 1 / (num_draws + 1))
            if count < _FEWEST_BEYOND * num or p_value > _CHANCE / (2 * dim):
                continue
            gaps = (end - outermost[beyond]) / np.maximum(sds[beyond, i], _SMALLEST_SD)
            if np.median(gaps) < _NEAR:
                found.append(CutOff(names[i], count / num, sign * float(end), is_upper))
    return tuple(sorted(found, key=lambda cut: -cut.share))
