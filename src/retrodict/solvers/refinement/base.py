"""What every refinement does: proposals of a trained posterior in, exact draws out."""

import abc
from dataclasses import dataclass
from typing import ClassVar

from retrodict.solvers.refinement.draws import RefinedDraws
from retrodict.solvers.refinement.joint import JointDensity
from retrodict.solvers.refinement.result import Refinement
from retrodict.solvers.sampler import AbstractPosteriorSampler
from retrodict.typing import Key


@dataclass(frozen=True)
class AbstractRefinementMethod(abc.ABC):
    """A way from draws of a trained posterior to draws of the exact one."""

    name: ClassVar[str]

    @abc.abstractmethod
    def refined(
        self, sampler: AbstractPosteriorSampler, joint: JointDensity, key: Key, num_draws: int
    ) -> tuple[RefinedDraws, Refinement]:
        """The exact posterior's draws, and how well that went.

        Args:
            sampler: the trained posterior.
            joint: prior times likelihood of the same observations.
            key: of everything random.
            num_draws: to keep, per observation.
        """
