"""The recipe of a network that is trained in both directions."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp

from retrodict.distributions import BidirectionalMap
from retrodict.errors import ConfigurationError
from retrodict.flows.base import AbstractArchitecture
from retrodict.flows.registry import get_architecture
from retrodict.networks import AbstractRecipe
from retrodict.typing import Key

PADDINGS = ("zeros", "noise")
_FIRST_NOISE = 0.1


@dataclass(frozen=True)
class Bidirectional(AbstractRecipe):
    """f([x, padding]) = [y, z, padding], by the bijection of an unconditional flow.

    Args:
        flow: the flow's name.
        flow_settings: its settings.
        latent_dim: entries of z. None takes what y leaves open of x; where y has as many
            entries as x or more, it may still tell less, and z has as many as x.
        total_dim: entries of each side with its padding; None takes as few as hold both.
        padding: "zeros" or "noise".
        has_noise: whether the prediction spreads around y, by standard deviations that are
            learned.
    """

    name: ClassVar[str] = "bidirectional"
    flow: str = "real-nvp"
    flow_settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    latent_dim: int | None = None
    total_dim: int | None = None
    padding: str = "zeros"
    has_noise: bool = False

    def __post_init__(self) -> None:
        if self.padding not in PADDINGS:
            raise ConfigurationError(
                f"`padding` has to be one of {', '.join(PADDINGS)}; got {self.padding!r}.",
                'Use padding="zeros".',
            )
        for name in ("latent_dim", "total_dim"):
            value = getattr(self, name)
            if value is not None and not (type(value) is int and value >= 1):
                raise ConfigurationError(
                    f"`{name}` has to be a whole number of at least 1; got {value!r}.",
                    "Leave it out to take what fits the data.",
                )
        self.architecture()

    @classmethod
    def of(cls, architecture: AbstractArchitecture, **settings: Any) -> "Bidirectional":
        """The recipe with the bijection of that architecture."""
        return cls(architecture.name, dataclasses.asdict(architecture), **settings)

    def architecture(self) -> AbstractArchitecture:
        """Whose bijection is f."""
        return get_architecture(self.flow, **self.flow_settings)

    def dims(self, dim: int, cond_dim: int) -> tuple[int, int]:
        """Entries of z, and of each side with its padding.

        Args:
            dim: entries of x.
            cond_dim: entries of y.

        Raises:
            ConfigurationError: [y, z] cannot hold x, or the padded sides cannot hold either.
        """
        latent_dim = self.latent_dim
        if latent_dim is None:
            latent_dim = dim - cond_dim if cond_dim < dim else dim
        needed = max(dim, cond_dim + latent_dim)
        if self.total_dim is None and cond_dim + latent_dim < dim:
            raise ConfigurationError(
                f"[y, z] has {cond_dim} + {latent_dim} entries and cannot hold the {dim} of x.",
                f"Use latent_dim={dim - cond_dim}. If x is known to lie on a surface of "
                f"{cond_dim + latent_dim} dimensions, pad [y, z] by total_dim={dim}.",
            )
        if self.total_dim is not None and self.total_dim < needed:
            raise ConfigurationError(
                f"Both sides are to have total_dim={self.total_dim} entries, but x has {dim} and "
                f"[y, z] {cond_dim} + {latent_dim}.",
                f"Use total_dim={needed}, which pads x with {needed - dim} and [y, z] with "
                f"{needed - cond_dim - latent_dim}, or leave it out.",
            )
        return latent_dim, max(needed, 2) if self.total_dim is None else self.total_dim

    def build(self, dim: int, cond_dim: int, *, key: Key) -> BidirectionalMap:
        latent_dim, total_dim = self.dims(dim, cond_dim)
        return BidirectionalMap(
            self.architecture().build(total_dim, 0, key=key).bijection,
            dim,
            cond_dim,
            latent_dim,
            pads_with_noise=self.padding == "noise",
            log_noise=jnp.full(cond_dim, jnp.log(_FIRST_NOISE)) if self.has_noise else None,
        )
