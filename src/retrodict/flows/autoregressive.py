"""Autoregressive flows: MAF, IAF and neural autoregressive flows share one recipe."""

import abc
from dataclasses import dataclass
from typing import ClassVar

import jax.random as jr
import numpy as np

from retrodict.bijections import (
    AbstractBijection,
    AbstractTransformer,
    AffineTransformer,
    Chain,
    ComposedTransformer,
    Invert,
    MaskedAutoregressive,
    MonotoneNetworkTransformer,
    Permutation,
    Repeat,
    Tolerance,
)
from retrodict.distributions import StandardNormal, Transformed
from retrodict.errors import ConfigurationError
from retrodict.flows.base import AbstractArchitecture
from retrodict.flows.elementwise import build_transformer
from retrodict.typing import Key


@dataclass(frozen=True)
class AbstractAutoregressiveFlow(AbstractArchitecture, abc.ABC):
    """A stack of autoregressive layers with the entries reordered before each.

    Args:
        num_layers: autoregressive layers; each transforms every entry.
        width, depth: of the hidden layers of each masked network.
        activation: of the networks, see `networks.ACTIVATIONS`.
        order: "reverse" turns the order of the entries round before every layer but the first,
            "random" draws a new one for each.
        unroll: layers per iteration of the scan over the stack.
    """

    num_layers: int = 5
    width: int = 128
    depth: int = 2
    activation: str = "relu"
    order: str = "reverse"
    unroll: int = 1

    @abc.abstractmethod
    def elementwise(self) -> AbstractTransformer:
        """The elementwise map of every layer."""

    def direction(self, layer: AbstractBijection) -> AbstractBijection:
        """The layer itself, or its inverse: which direction takes one pass of the network."""
        return layer

    def build(self, dim: int, cond_dim: int = 0, *, key: Key) -> Transformed:
        key_order, *keys = jr.split(key, self.num_layers + 1)
        layers: list[AbstractBijection] = [
            Chain(
                [
                    Permutation(order),
                    self.direction(
                        MaskedAutoregressive(
                            self.elementwise(),
                            dim,
                            cond_dim,
                            width=self.width,
                            depth=self.depth,
                            activation=self.activation,
                            key=layer_key,
                        )
                    ),
                ]
            )
            for order, layer_key in zip(self._orders(dim, key_order), keys, strict=True)
        ]
        return Transformed(StandardNormal((dim,)), Repeat(layers, unroll=self.unroll))

    def _orders(self, dim: int, key: Key) -> list[np.ndarray]:
        entries = np.arange(dim)
        if self.order == "reverse":
            return [entries] + [entries[::-1]] * (self.num_layers - 1)
        if self.order == "random":
            rng = np.random.default_rng(jr.key_data(key).tolist())
            return [entries] + [rng.permutation(dim) for _ in range(self.num_layers - 1)]
        raise ConfigurationError(
            f"Unknown order {self.order!r}.", 'Use order="reverse" or order="random".'
        )


@dataclass(frozen=True)
class MAF(AbstractAutoregressiveFlow):
    """Masked autoregressive flow (Papamakarios et al. 2017, arXiv:1705.07057).

    The density takes one pass of each network, sampling one pass per entry. The transformer of
    the paper is "affine"; with splines, the default, fewer layers reach multimodal densities
    (RQ-NSF (AR), Durkan et al. 2019, arXiv:1906.04032).

    Args:
        transformer: one of `ELEMENTWISE`.
        num_bins: of each spline.
        bound: splines act on [-bound, bound]; outside, the identity.
        clamp: bound of the log-scales of the affine maps.
    """

    name: ClassVar[str] = "maf"
    transformer: str = "rational-quadratic"
    num_bins: int = 10
    bound: float = 5.0
    clamp: float = 3.0

    def elementwise(self) -> AbstractTransformer:
        return build_transformer(
            self.transformer, num_bins=self.num_bins, bound=self.bound, clamp=self.clamp
        )


@dataclass(frozen=True)
class IAF(AbstractAutoregressiveFlow):
    """Inverse autoregressive flow (Kingma et al. 2016, arXiv:1606.04934).

    Sampling takes one pass of each network, the density one pass per entry. The transformer of
    the paper is "affine"; with splines, the default, fewer layers reach multimodal densities.

    Args:
        transformer: one of `ELEMENTWISE`.
        num_bins: of each spline.
        bound: splines act on [-bound, bound]; outside, the identity.
        clamp: bound of the log-scales of the affine maps.
    """

    name: ClassVar[str] = "iaf"
    transformer: str = "rational-quadratic"
    num_bins: int = 10
    bound: float = 5.0
    clamp: float = 3.0

    def elementwise(self) -> AbstractTransformer:
        return build_transformer(
            self.transformer, num_bins=self.num_bins, bound=self.bound, clamp=self.clamp
        )

    def direction(self, layer: AbstractBijection) -> AbstractBijection:
        return Invert(layer)


@dataclass(frozen=True)
class NeuralAutoregressive(AbstractAutoregressiveFlow):
    """Neural autoregressive flow (Huang et al. 2018, arXiv:1804.00779).

    Every entry goes through an affine map and a small monotone network, the weights of both
    given by the masked network. The density takes one pass; sampling takes one per entry and
    a bisection in each.

    Args:
        num_units: of each monotone network.
        bound: half the width of where its units start.
        clamp: bound of the log-scales of the affine maps.
        tolerance: absolute and relative, of the bisection.
    """

    name: ClassVar[str] = "neural-autoregressive"
    num_units: int = 16
    bound: float = 3.0
    clamp: float = 3.0
    tolerance: float = 1e-6

    def elementwise(self) -> AbstractTransformer:
        return ComposedTransformer(
            AffineTransformer(clamp=self.clamp),
            MonotoneNetworkTransformer(
                num_units=self.num_units,
                bound=self.bound,
                tolerance=Tolerance(rtol=self.tolerance, atol=self.tolerance),
            ),
        )
