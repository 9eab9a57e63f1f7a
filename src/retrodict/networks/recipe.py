"""What builds a model: a small frozen config with a name."""

import abc
from dataclasses import dataclass
from typing import ClassVar

import equinox as eqx

from retrodict.typing import Key


@dataclass(frozen=True)
class AbstractRecipe(abc.ABC):
    """Settings from which a model for given numbers of causes and observables is built.

    Attributes:
        name: by which bundles and the command line know it.
    """

    name: ClassVar[str]

    @abc.abstractmethod
    def build(self, dim: int, cond_dim: int, *, key: Key) -> eqx.Module:
        """A new model over `dim` numbers given `cond_dim` numbers."""
