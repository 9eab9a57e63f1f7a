"""Draws of a posterior, recalibrated by observations whose causes are known."""

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from retrodict.repair import ConformalCalibration
from retrodict.solvers.sampler import AbstractPosteriorSampler
from retrodict.typing import Key


class RepairedDraws(AbstractPosteriorSampler):
    """A sampler whose draws a calibration moves; no density is known of them.

    Args:
        sampler: of the posterior as it is.
        calibration: fitted to draws of such posteriors.
        groups: label of each observation, where the calibration had them.
    """

    def __init__(
        self,
        sampler: AbstractPosteriorSampler,
        calibration: ConformalCalibration,
        groups: ArrayLike | None,
    ) -> None:
        self.sampler = sampler
        self.calibration = calibration
        self.groups = groups

    @property
    def has_point_masses(self) -> bool:
        return self.sampler.has_point_masses

    def sample(self, key: Key, num_draws: int) -> Float[np.ndarray, "observations draws dim"]:
        """The first of at least as many draws as the calibration had of each observation."""
        num = max(num_draws, self.calibration.summary_.num_draws)
        return self.calibration.apply(self.sampler.sample(key, num), self.groups)[:, :num_draws]

    def summary_columns(self, key: Key) -> dict[str, Float[np.ndarray, "observations dim"]]:
        """`low80`, `high80` and so on: intervals that carry the calibration's guarantee."""
        draws = self.sampler.sample(key, self.calibration.summary_.num_draws)
        columns = dict(self.sampler.summary_columns(key))
        for level in self.calibration.summary_.levels.tolist():
            ends = self.calibration.intervals(draws, level, self.groups)
            columns |= {
                f"{end}{100 * level:g}": x for end, x in zip(("low", "high"), ends, strict=True)
            }
        return columns
