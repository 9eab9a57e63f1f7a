"""What every architecture promises."""

import abc
from dataclasses import dataclass
from typing import ClassVar

from retrodict.distributions import Transformed
from retrodict.errors import ConfigurationError
from retrodict.networks import AbstractRecipe
from retrodict.typing import Key


@dataclass(frozen=True)
class AbstractArchitecture(AbstractRecipe):
    """A recipe for a normalizing flow: a small config, named as in the literature.

    Attributes:
        name: that the command line uses.
        smallest_unconditional_dim: fewest entries that it can do anything for without a
            condition; with one, a single entry is enough.
    """

    smallest_unconditional_dim: ClassVar[int] = 1

    @abc.abstractmethod
    def build(self, dim: int, cond_dim: int = 0, *, key: Key) -> Transformed:
        """A new flow over `dim` numbers given `cond_dim` numbers (0: unconditional)."""

    def require_dim(self, dim: int, cond_dim: int) -> None:
        """Raises a `ConfigurationError` where the flow could learn next to nothing."""
        smallest = self.smallest_unconditional_dim
        if cond_dim == 0 and dim < smallest:
            raise ConfigurationError(
                f"The flow {self.name!r} transforms entries by what others are, so without a "
                f"condition it needs at least {smallest} of them; got dim={dim}.",
                'Use flow="spline-coupling", whose splines give one entry any density.',
            )
