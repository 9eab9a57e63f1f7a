"""Coupling flows: NICE, RealNVP, GIN and neural spline flows, halves by turns; Glow."""

import abc
from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
import jax.random as jr
import numpy as np

from retrodict.bijections import (
    AbstractBijection,
    AbstractTransformer,
    ActNorm,
    AdditiveTransformer,
    AffineTransformer,
    Chain,
    ComposedTransformer,
    Coupling,
    LULinear,
    Permutation,
    Repeat,
    VolumePreservingAffineTransformer,
)
from retrodict.distributions import Normal, StandardNormal, Transformed
from retrodict.flows.base import AbstractArchitecture
from retrodict.flows.elementwise import build_spline
from retrodict.typing import Key


@dataclass(frozen=True)
class AbstractCouplingFlow(AbstractArchitecture, abc.ABC):
    """A stack of couplings, with the entries mixed before each.

    Where an architecture does not say otherwise, two couplings make a block that transforms
    both halves of the entries, one by the other (Ardizzone et al. 2019, arXiv:1808.04730,
    sec. 3.2):

        z1 = transformer(x1; network(x2, condition))
        z2 = transformer(x2; network(z1, condition))

    Of an odd number of entries, one is transformed in both. Each block deals either half of
    the block before out evenly to both of its own, so that every entry comes to depend on
    every other.

    Args:
        num_layers: couplings.
        width, depth: of the hidden layers of each conditioner.
        activation: of the conditioners, see `networks.ACTIVATIONS`.
        conditioner: "mlp" or "residual".
        unroll: couplings per iteration of the scan over the stack.
    """

    num_layers: int = 8
    width: int = 128
    depth: int = 2
    activation: str = "relu"
    conditioner: str = "mlp"
    unroll: int = 1

    @abc.abstractmethod
    def elementwise(self) -> AbstractTransformer:
        """The transformer of every coupling."""

    def mixing(self, dim: int, *, key: Key) -> list[AbstractBijection]:
        """What stands before each coupling: the reordering that puts what it keeps first."""
        return [Permutation(order) for order in coupling_orders(dim, self.num_layers, key)]

    def coupling(self, dim: int, cond_dim: int, *, key: Key) -> AbstractBijection:
        """One coupling, which keeps the first half of the entries."""
        return self.partial_coupling(dim, dim // 2, cond_dim, key=key)

    def build(self, dim: int, cond_dim: int = 0, *, key: Key) -> Transformed:
        return Transformed(StandardNormal((dim,)), self.stack(dim, cond_dim, key=key))

    def stack(self, dim: int, cond_dim: int, *, key: Key) -> Repeat:
        """All couplings and what mixes before them, as one scan."""
        self.require_dim(dim, cond_dim)
        key_mixing, *keys = jr.split(key, self.num_layers + 1)
        layers = [
            Chain([mixing, self.coupling(dim, cond_dim, key=key_layer)])
            for mixing, key_layer in zip(self.mixing(dim, key=key_mixing), keys, strict=True)
        ]
        return Repeat(layers, unroll=self.unroll)

    def partial_coupling(self, dim: int, num_kept: int, cond_dim: int, *, key: Key) -> Coupling:
        """One coupling that keeps that many entries."""
        return Coupling(
            self.elementwise(),
            dim,
            num_kept,
            cond_dim,
            width=self.width,
            depth=self.depth,
            activation=self.activation,
            conditioner=self.conditioner,
            key=key,
        )


@dataclass(frozen=True)
class NICE(AbstractCouplingFlow):
    """Additive couplings, then a learned scale of each entry (Dinh et al. 2014, arXiv:1410.8516).

    The scales of the last layer (sec. 3.3), here with a location, are the only ones: what the
    condition or other entries change is where the mass lies, never the volume it takes. See
    `GIN` for what this excludes. A single entry is normal, its mean set by the condition.
    """

    name: ClassVar[str] = "nice"
    smallest_unconditional_dim: ClassVar[int] = 2

    def elementwise(self) -> AbstractTransformer:
        return AdditiveTransformer()

    def build(self, dim: int, cond_dim: int = 0, *, key: Key) -> Transformed:
        stack = self.stack(dim, cond_dim, key=key)
        return Transformed(StandardNormal((dim,)), Chain([stack, ActNorm(dim)]))


@dataclass(frozen=True)
class RealNVP(AbstractCouplingFlow):
    """Affine couplings (Dinh et al. 2016, arXiv:1605.08803), log-scales softly clamped.

    A single entry is normal, its mean and scale set by the condition.

    Args:
        clamp: bound of the log-scales.
    """

    name: ClassVar[str] = "real-nvp"
    smallest_unconditional_dim: ClassVar[int] = 2
    clamp: float = 2.0

    def elementwise(self) -> AbstractTransformer:
        return AffineTransformer(clamp=self.clamp)


@dataclass(frozen=True)
class Glow(AbstractCouplingFlow):
    """Affine couplings behind learned linear maps (Kingma & Dhariwal 2018, arXiv:1807.03039).

    Each layer normalises the entries by a learned location and scale, mixes them all by an
    invertible matrix, and couples the halves. A new flow permutes its inputs: they are whitened
    before, which spares a start from data. A single entry is normal, its mean and scale set by
    the condition.

    Args:
        clamp: bound of the log-scales.
    """

    name: ClassVar[str] = "glow"
    smallest_unconditional_dim: ClassVar[int] = 2
    clamp: float = 2.0

    def elementwise(self) -> AbstractTransformer:
        return AffineTransformer(clamp=self.clamp)

    def mixing(self, dim: int, *, key: Key) -> list[AbstractBijection]:
        keys = jr.split(key, self.num_layers)
        return [Chain([ActNorm(dim), LULinear(dim, key=k)]) for k in keys]


@dataclass(frozen=True)
class GIN(AbstractCouplingFlow):
    """General incompressible-flow network (Sorrenson et al. 2020, arXiv:2001.04872).

    Affine couplings whose log-scales sum to zero: |det dz/dx| = 1 exactly, under every
    condition. The base is a normal with learned location and scale of each entry, which after
    training tell informative entries of z from noise: x cannot be spread out to hide them.

    No volume-preserving flow can change how much volume has which density. For every level t
    the set {p > t} has the volume of that of the base, an ellipsoid, so the densities it can
    reach are rearrangements of one normal density: equal, well separated normal clusters are
    among them, a uniform density is not, and misses its own entropy by at least
    1 - ln 2 = .31 nats in two dimensions. A coupling that moves a single entry only shifts it,
    as all do in two dimensions (there GIN is NICE).

    Args:
        clamp: bound of the log-scales before their mean is taken off.
    """

    name: ClassVar[str] = "gin"
    smallest_unconditional_dim: ClassVar[int] = 2
    clamp: float = 2.0

    def elementwise(self) -> AbstractTransformer:
        return VolumePreservingAffineTransformer(clamp=self.clamp)

    def build(self, dim: int, cond_dim: int = 0, *, key: Key) -> Transformed:
        base = Normal(jnp.zeros(dim), jnp.ones(dim))
        return Transformed(base, self.stack(dim, cond_dim, key=key))


@dataclass(frozen=True)
class SplineCoupling(AbstractCouplingFlow):
    """Neural spline flow of couplings, by default RQ-NSF (C) (Durkan et al. 2019).

    arXiv:1906.04032, with any of four splines. Before each stands an affine map from the same
    conditioner, which brings values into the spline's box: a thin or far posterior then costs
    no bins. A single entry passes through splines set by the condition alone, or by nothing.

    Args:
        spline: "linear", "quadratic", "cubic" or "rational-quadratic".
        num_bins: of each spline.
        bound: splines act on [-bound, bound]; outside, the identity.
        clamp: bound of the log-scales of the affine maps.
    """

    name: ClassVar[str] = "spline-coupling"
    spline: str = "rational-quadratic"
    num_bins: int = 10
    bound: float = 5.0
    clamp: float = 3.0

    def elementwise(self) -> AbstractTransformer:
        return ComposedTransformer(
            AffineTransformer(clamp=self.clamp),
            build_spline(self.spline, num_bins=self.num_bins, bound=self.bound),
        )


def coupling_orders(dim: int, num_layers: int, key: Key) -> list[np.ndarray]:
    """The reordering before each coupling, which keeps the first `dim // 2` entries.

    The first coupling of a block has each half dealt out evenly to both, so that new pairs of
    entries meet; the second has the halves exchanged, so that what was kept is moved.
    """
    rng = np.random.default_rng(jr.key_data(key).tolist())
    exchanged = np.roll(np.arange(dim), -(dim // 2))
    return [exchanged if layer % 2 else _dealt_out(dim, rng) for layer in range(num_layers)]


def _dealt_out(dim: int, rng: np.random.Generator) -> np.ndarray:
    half, quarter = dim // 2, dim // 4
    num_second = half - quarter
    first, second = rng.permutation(half), half + rng.permutation(dim - half)
    kept = [first[:quarter], second[:num_second]]
    moved = [first[quarter:], second[num_second:]]
    return np.concatenate(kept + moved)
