"""What a solver keeps of its training observations, to tell when another is unlike them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from retrodict.diagnostics import TypicalObservations
from retrodict.errors import MisspecificationWarning, OutsideTrainingRangeWarning
from retrodict.tables import outside_range

# One observation in a hundred that is like those of training is called odd.
LEVEL = 0.01
FEWEST_ROWS = 400
MOST_OBSERVABLES = 1_000
_PREFIX = "typical."
# In widths of the training range. What is less far outside, the test judges better.
_FAR = 1.0


@dataclass(frozen=True)
class TrainingObservations:
    """The range of each observable in training, and a test of what is typical.

    Attributes:
        lower, upper: smallest and largest value of each observable.
        typical: the test, at a level of 1 %; None with fewer than 400 rows, which do not
            suffice for that level, with more than 1,000 observables, for which it would take
            too long, and where no observable varies.
    """

    lower: Float[np.ndarray, " cond"]
    upper: Float[np.ndarray, " cond"]
    typical: TypicalObservations | None

    @classmethod
    def fit(
        cls, y: Float[np.ndarray, "rows cond"], names: Sequence[str], random_state: int
    ) -> "TrainingObservations":
        """Look at the observations of training.

        Args:
            y: all of them.
            names: of the observables.
            random_state: of the test.
        """
        lower, upper = y.min(axis=0), y.max(axis=0)
        varies = (upper > lower).any()
        typical = None
        if varies and len(y) >= FEWEST_ROWS and y.shape[1] <= MOST_OBSERVABLES:
            typical = TypicalObservations(level=LEVEL, random_state=random_state)
            typical.fit(y, names=names)
        return cls(lower, upper, typical)

    def warning(
        self, y: Float[np.ndarray, "observations cond"], names: Sequence[str]
    ) -> MisspecificationWarning | None:
        """What is to be said of observations before their posteriors are believed.

        Values far outside the training range are told in any case. Where there is a test, it
        judges what is inside or just outside; of a batch, whether more observations are odd
        than chance makes of observations like those of training.
        """
        margin = 0.0 if self.typical is None else _FAR
        outside = outside_range(y, self.lower, self.upper, names, margin=margin)
        if outside is not None:
            return OutsideTrainingRangeWarning(outside)
        if self.typical is None:
            return None
        found = self.typical.test(y)
        return None if found.passed else MisspecificationWarning(str(found))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Everything but the names, as arrays by name."""
        typical = {} if self.typical is None else self.typical.to_arrays()
        return {
            "y_lower": self.lower,
            "y_upper": self.upper,
            **{_PREFIX + name: array for name, array in typical.items()},
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any], names: Sequence[str]) -> "TrainingObservations":
        """What `to_arrays` described; other arrays may be among them."""
        own = {
            name.removeprefix(_PREFIX): array
            for name, array in arrays.items()
            if name.startswith(_PREFIX)
        }
        typical = TypicalObservations.from_arrays(own, names=names) if own else None
        return cls(arrays["y_lower"], arrays["y_upper"], typical)
