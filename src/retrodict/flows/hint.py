"""Hierarchical invertible neural transport."""

from dataclasses import dataclass
from typing import ClassVar

import jax.random as jr

from retrodict.bijections import (
    AbstractBijection,
    AbstractTransformer,
    Chain,
    HierarchicalCoupling,
    RandomOrthogonal,
)
from retrodict.flows.coupling import AbstractCouplingFlow
from retrodict.flows.elementwise import build_transformer
from retrodict.typing import Key


@dataclass(frozen=True)
class HINT(AbstractCouplingFlow):
    """Couplings inside couplings, down to one entry (Kruse et al. 2021, arXiv:1905.10687).

    Each layer rotates the entries by a fixed random rotation, transforms each by the condition
    alone, then each but the first by all before it: a full triangular map where other couplings
    move one half. Each layer has one network per entry.

    Args:
        transformer: of every coupling, see `flows.elementwise.ELEMENTWISE`.
        clamp: bound of the log-scales.
        num_bins: of each spline, for a transformer that is one.
        bound: splines act on [-bound, bound].
    """

    name: ClassVar[str] = "hint"
    smallest_unconditional_dim: ClassVar[int] = 2
    transformer: str = "affine"
    clamp: float = 2.0
    num_bins: int = 10
    bound: float = 5.0

    def elementwise(self) -> AbstractTransformer:
        return build_transformer(
            self.transformer, num_bins=self.num_bins, bound=self.bound, clamp=self.clamp
        )

    def mixing(self, dim: int, *, key: Key) -> list[AbstractBijection]:
        return [RandomOrthogonal(dim, key=k) for k in jr.split(key, self.num_layers)]

    def coupling(self, dim: int, cond_dim: int, *, key: Key) -> AbstractBijection:
        key_alone, key_coupling = jr.split(key)
        alone = self.partial_coupling(dim, 0, cond_dim, key=key_alone)
        if dim == 1:
            return alone
        hierarchical = HierarchicalCoupling(
            self.elementwise(),
            dim,
            cond_dim,
            width=self.width,
            depth=self.depth,
            activation=self.activation,
            conditioner=self.conditioner,
            key=key_coupling,
        )
        return Chain([alone, hierarchical])
