"""A named quantity with its unit and bounds: one column of `x` or of `y`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from retrodict.errors import ConfigurationError


@dataclass(frozen=True)
class Variable:
    """One hidden cause or one observed effect.

    Args:
        name: as it appears in tables, pictures and on the command line.
        unit: for people, e.g. "kg/m3"; empty for dimensionless.
        description: one line for people.
        lower, upper: bounds of the support, in the user's units; infinite where there are none.
    """

    name: str
    unit: str = ""
    description: str = ""
    lower: float = -math.inf
    upper: float = math.inf

    def __post_init__(self) -> None:
        if math.isnan(self.lower) or math.isnan(self.upper) or not self.lower < self.upper:
            raise ConfigurationError(
                f"The bounds of `{self.name}` must satisfy lower < upper; "
                f"got lower={self.lower}, upper={self.upper}.",
                "Give finite bounds in increasing order, or leave one out.",
            )

    @property
    def label(self) -> str:
        """Name and unit, as on an axis: `strength [MPa]`."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name


def default_variables(prefix: str, num: int) -> tuple[Variable, ...]:
    """Variables named `x1 ... xN` for data that came without names."""
    return tuple(Variable(f"{prefix}{i + 1}") for i in range(num))


def names_of(variables: Sequence[Variable]) -> list[str]:
    """The names, in order."""
    return [variable.name for variable in variables]
