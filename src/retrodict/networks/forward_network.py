"""A network that stands in for a forward process."""

from dataclasses import dataclass
from typing import ClassVar

from retrodict.networks.mlp import ResidualMLP
from retrodict.networks.recipe import AbstractRecipe
from retrodict.typing import Key


@dataclass(frozen=True)
class ForwardNetwork(AbstractRecipe):
    """A residual network from scaled causes to scaled effects, for regression.

    Args:
        width: of every hidden layer.
        depth: number of residual blocks.
        activation: smooth ones have the derivatives that an inversion follows.
    """

    name: ClassVar[str] = "forward-network"

    width: int = 128
    depth: int = 2
    activation: str = "silu"

    def build(self, dim: int, cond_dim: int, *, key: Key) -> ResidualMLP:
        """A new network from `dim` causes to `cond_dim` effects."""
        return ResidualMLP(dim, cond_dim, self.width, self.depth, self.activation, key=key)
