"""What a calibration of joint regions found, for people and for JSON."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from retrodict.diagnostics.arguments import Json


@dataclass(frozen=True)
class RegionCoverage:
    """How many true causes joint regions hold, before and after calibration.

    Attributes:
        levels: of the regions.
        before: share of true causes in the region that holds so many of the draws themselves;
            None where scores came without those of draws.
        after: the same for calibrated regions, each fifth of the observations judged by the other
            four; NaN where four fifths are too few for the level.
        num_observations: for calibration.
    """

    levels: Float[np.ndarray, " levels"]
    before: Float[np.ndarray, " levels"] | None
    after: Float[np.ndarray, " levels"]
    num_observations: int

    def to_dict(self) -> Json:
        return {
            "levels": self.levels.tolist(),
            "before": None if self.before is None else self.before.tolist(),
            "after": [None if np.isnan(share) else share for share in self.after.tolist()],
            "num_observations": self.num_observations,
        }

    def __str__(self) -> str:
        top = int(np.argmax(self.levels))
        after = self.after[top]
        held = "too few to cross-validate" if np.isnan(after) else f"{after:.1%} cross-validated"
        before = ""
        if self.before is not None:
            before = f", where the region of the draws held it in {self.before[top]:.1%}"
        return (
            f"The {self.levels[top]:.0%} regions are calibrated by {self.num_observations:,} "
            f"observations ({held}){before}."
        )
