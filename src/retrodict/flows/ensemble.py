"""The recipe of several flows that differ in their first weights."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import jax.random as jr

from retrodict.bijections import side_by_side
from retrodict.distributions import Mixture
from retrodict.errors import ConfigurationError
from retrodict.flows.base import AbstractArchitecture
from retrodict.flows.registry import get_architecture
from retrodict.networks import AbstractRecipe
from retrodict.typing import Key


@dataclass(frozen=True)
class FlowEnsemble(AbstractRecipe):
    """Equal flows side by side, as the mixture of all with equal weights.

    Args:
        flow: the flow's name.
        flow_settings: its settings.
        num_members: how many flows.
    """

    name: ClassVar[str] = "flow-ensemble"
    flow: str = "spline-coupling"
    flow_settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    num_members: int = 4

    def __post_init__(self) -> None:
        if not (type(self.num_members) is int and self.num_members >= 1):
            raise ConfigurationError(
                f"An ensemble has at least one member; got {self.num_members!r}.", "Use 4."
            )
        self.architecture()

    @classmethod
    def of(cls, architecture: AbstractArchitecture, num_members: int) -> "FlowEnsemble":
        """That many flows of the architecture."""
        return cls(architecture.name, dataclasses.asdict(architecture), num_members)

    def architecture(self) -> AbstractArchitecture:
        """Of each member."""
        return get_architecture(self.flow, **self.flow_settings)

    def build(self, dim: int, cond_dim: int, *, key: Key) -> Mixture:
        # One after another: an architecture deals out its entries in NumPy, which no vmap sees.
        flows = [
            self.architecture().build(dim, cond_dim, key=k) for k in jr.split(key, self.num_members)
        ]
        return Mixture(side_by_side(flows), jnp.zeros(self.num_members))
