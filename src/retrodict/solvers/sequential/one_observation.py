"""What a solver knows that was fitted for a single observation."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from retrodict.errors import DataError

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

# What single precision leaves of a number, twice rounded.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class OneObservation:
    """The observation that all rounds were for, and how they went.

    Attributes:
        observation: y.
        rounds: one row per round, see `fit_problem`.
    """

    observation: Float[np.ndarray, " cond"]
    rounds: "pandas.DataFrame"

    def require(self, y: Float[np.ndarray, "observations cond"]) -> None:
        """Refuses other observations: the network has hardly seen what they look like.

        Raises:
            DataError: some row of `y` is another observation.
        """
        other = ~np.isclose(y, self.observation, rtol=_ROUNDING, atol=0).all(axis=1)
        if other.any():
            raise DataError(
                f"This solver was fitted for one observation, {self.observation.tolist()}; "
                f"{int(other.sum())} of {len(y)} given are others, the first "
                f"{y[other.argmax()].tolist()}. Its later simulations come from where the "
                "posterior of that one lies, so that it knows no other.",
                "Fit anew with `observation=` for another one, or without it for all at once.",
            )

    def to_state(self) -> dict[str, Any]:
        """JSON-able, for `from_state`."""
        return {
            "observation": self.observation.tolist(),
            "rounds": self.rounds.to_dict("list"),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any] | None) -> "OneObservation | None":
        """What `to_state` described; None of a solver that is for all observations."""
        import pandas as pd

        if state is None:
            return None
        return cls(np.array(state["observation"], float), pd.DataFrame(state["rounds"]))
