"""Flows of invertible residual blocks."""

from dataclasses import dataclass
from typing import ClassVar

import jax.random as jr

from retrodict.bijections import (
    AbstractBijection,
    ActNorm,
    AffineTransformer,
    Chain,
    Coupling,
    InvertibleResidual,
    Repeat,
    Tolerance,
)
from retrodict.distributions import StandardNormal, Transformed
from retrodict.flows.base import AbstractArchitecture
from retrodict.typing import Key


@dataclass(frozen=True)
class ResidualFlow(AbstractArchitecture):
    """Invertible residual blocks (Behrmann et al. 2019, arXiv:1811.00995), with scales between.

    Every block moves all entries at once, so that nothing has to be reordered, and one
    dimension is no special case. Since a block stretches by 1 - L to 1 + L only, an elementwise
    scale and shift follow each of them: learned numbers, or with a condition a network of it.
    The density costs one Jacobian per block, a draw an iteration to the tolerance
    (`InvertibleResidual`). `lipschitz_bounds(flow.bijection)` tells how far errors can grow.

    Args:
        num_layers: blocks.
        width, depth: of the hidden layers of each block.
        activation: of the blocks, see `networks.CONTRACTIVE_ACTIVATIONS`.
        lipschitz: bound of each block's network, above 0 and below 1.
        log_det: "auto" (exact up to 32 dimensions), "exact" or "unbiased".
        num_terms: of the unbiased series that are always taken.
        rtol, atol: error of each block's inverse; tighter ones need double precision.
        max_steps: iterations of each block's inverse.
        clamp: bound of the log-scales that depend on the condition.
        unroll: blocks per iteration of the scan over the stack.
    """

    name: ClassVar[str] = "residual-flow"
    num_layers: int = 8
    width: int = 64
    depth: int = 2
    activation: str = "lipswish"
    lipschitz: float = 0.9
    log_det: str = "auto"
    num_terms: int = 4
    rtol: float = 4e-6
    atol: float = 4e-6
    max_steps: int = 1000
    clamp: float = 2.0
    unroll: int = 1

    def build(self, dim: int, cond_dim: int = 0, *, key: Key) -> Transformed:
        keys = jr.split(key, self.num_layers)
        layers = [self._layer(dim, cond_dim, layer_key) for layer_key in keys]
        return Transformed(StandardNormal((dim,)), Repeat(layers, unroll=self.unroll))

    def _layer(self, dim: int, cond_dim: int, key: Key) -> AbstractBijection:
        key_block, key_scale = jr.split(key)
        block = InvertibleResidual(
            dim,
            cond_dim,
            lipschitz=self.lipschitz,
            width=self.width,
            depth=self.depth,
            activation=self.activation,
            log_det=self.log_det,
            num_terms=self.num_terms,
            tolerance=Tolerance(rtol=self.rtol, atol=self.atol, max_steps=self.max_steps),
            key=key_block,
        )
        scale: AbstractBijection = ActNorm(dim)
        if cond_dim:
            scale = Coupling(
                AffineTransformer(clamp=self.clamp),
                dim,
                0,
                cond_dim,
                width=self.width,
                depth=1,
                activation="silu",
                key=key_scale,
            )
        return Chain([block, scale])
