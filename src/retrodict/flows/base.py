"""What every architecture promises."""

import abc
from dataclasses import dataclass
from typing import ClassVar

from retrodict.distributions import Transformed
from retrodict.typing import Key


@dataclass(frozen=True)
class AbstractArchitecture(abc.ABC):
    """A recipe for a normalizing flow: a small config, named as in the literature."""

    name: ClassVar[str]

    @abc.abstractmethod
    def build(self, dim: int, cond_dim: int = 0, *, key: Key) -> Transformed:
        """A new flow over `dim` numbers given `cond_dim` numbers (0: unconditional)."""
