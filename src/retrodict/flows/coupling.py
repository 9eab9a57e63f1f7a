"""Coupling flows: NICE, RealNVP and neural spline flows share one recipe."""

import abc
from dataclasses import dataclass
from typing import ClassVar

import jax.random as jr
import numpy as np

from retrodict.bijections import (
    AbstractBijection,
    AbstractTransformer,
    AdditiveTransformer,
    AffineTransformer,
    Chain,
    ComposedTransformer,
    Coupling,
    Permutation,
    RationalQuadraticTransformer,
    Repeat,
)
from retrodict.distributions import StandardNormal, Transformed
from retrodict.flows.base import AbstractArchitecture
from retrodict.typing import Key


@dataclass(frozen=True)
class AbstractCouplingFlow(AbstractArchitecture, abc.ABC):
    """A stack of couplings, each moving the half that the one before kept.

    After every second coupling the entries are reshuffled, so that every entry comes to
    depend on every other.

    Args:
        num_layers: couplings; each moves one half of `x`.
        width, depth: of the hidden layers of each conditioner.
        activation: of the conditioners, see `networks.ACTIVATIONS`.
        conditioner: "mlp" or "residual".
        unroll: layers per iteration of the scan over the stack.
    """

    num_layers: int = 8
    width: int = 128
    depth: int = 2
    activation: str = "relu"
    conditioner: str = "mlp"
    unroll: int = 1

    @abc.abstractmethod
    def transformer(self) -> AbstractTransformer:
        """The elementwise map that makes this coupling flow what it is."""

    def build(self, dim: int, cond_dim: int = 0, *, key: Key) -> Transformed:
        key_order, *keys = jr.split(key, self.num_layers + 1)
        orders = coupling_orders(dim, self.num_layers, key_order)
        layers: list[AbstractBijection] = [
            Chain(
                [
                    Permutation(order),
                    Coupling(
                        self.transformer(),
                        dim,
                        dim // 2,
                        cond_dim,
                        width=self.width,
                        depth=self.depth,
                        activation=self.activation,
                        conditioner=self.conditioner,
                        key=layer_key,
                    ),
                ]
            )
            for order, layer_key in zip(orders, keys, strict=True)
        ]
        return Transformed(StandardNormal((dim,)), Repeat(layers, unroll=self.unroll))


@dataclass(frozen=True)
class NICE(AbstractCouplingFlow):
    """Additive couplings, volume preserving (Dinh et al. 2014, arXiv:1410.8516)."""

    name: ClassVar[str] = "nice"

    def transformer(self) -> AbstractTransformer:
        return AdditiveTransformer()


@dataclass(frozen=True)
class RealNVP(AbstractCouplingFlow):
    """Affine couplings (Dinh et al. 2016, arXiv:1605.08803).

    Args:
        clamp: bound of the log-scales.
    """

    name: ClassVar[str] = "real-nvp"
    clamp: float = 2.0

    def transformer(self) -> AbstractTransformer:
        return AffineTransformer(clamp=self.clamp)


@dataclass(frozen=True)
class SplineCoupling(AbstractCouplingFlow):
    """Rational-quadratic neural spline flow, RQ-NSF (C) (Durkan et al. 2019, arXiv:1906.04032).

    Before each spline stands an affine map from the same conditioner, which brings values into
    the spline's box: a thin or far posterior then costs no bins.

    Args:
        num_bins: of each spline.
        bound: splines act on [-bound, bound]; outside, the identity.
        clamp: bound of the log-scales of the affine maps.
    """

    name: ClassVar[str] = "spline-coupling"
    num_bins: int = 10
    bound: float = 5.0
    clamp: float = 3.0

    def transformer(self) -> AbstractTransformer:
        return ComposedTransformer(
            AffineTransformer(clamp=self.clamp),
            RationalQuadraticTransformer(num_bins=self.num_bins, bound=self.bound),
        )


def coupling_orders(dim: int, num_layers: int, key: Key) -> list[np.ndarray]:
    """The reordering before each coupling.

    Odd layers exchange the halves, so that what was kept is moved next; even layers deal each
    half out evenly to both, so that new pairs of entries meet.
    """
    rng = np.random.default_rng(jr.key_data(key).tolist())
    half, quarter = dim // 2, dim // 4
    exchange = np.roll(np.arange(dim), -half)
    orders = []
    for layer in range(num_layers):
        if layer % 2 == 1:
            orders.append(exchange)
        else:
            first, second = rng.permutation(half), half + rng.permutation(dim - half)
            num_second = half - quarter
            kept = [first[:quarter], second[:num_second]]
            moved = [first[quarter:], second[num_second:]]
            orders.append(np.concatenate(kept + moved))
    return orders
