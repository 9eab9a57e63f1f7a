"""How much a bijection can stretch, in either direction."""

import functools
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp

from retrodict.bijections.actnorm import ActNorm
from retrodict.bijections.affine import Affine
from retrodict.bijections.base import AbstractBijection
from retrodict.bijections.compose import Chain, Invert, Repeat
from retrodict.bijections.coupling import Coupling
from retrodict.bijections.linear_regression import LinearRegression
from retrodict.bijections.orthogonal import RandomOrthogonal
from retrodict.bijections.permutation import Permutation
from retrodict.bijections.residual import InvertibleResidual
from retrodict.bijections.transformers import AdditiveTransformer, AffineTransformer
from retrodict.typing import Array, Float, Scalar


class LipschitzBounds(NamedTuple):
    """Upper bounds of the Lipschitz constants of z = f(x) and of x = f^-1(z), in x and in z.

    |f(x) - f(x')| <= forward |x - x'|, and an error in z grows at most `inverse` times in x.
    """

    forward: Scalar
    inverse: Scalar


@functools.singledispatch
def lipschitz_bounds(bijection: AbstractBijection) -> LipschitzBounds:
    """Upper bounds of both Lipschitz constants; infinite where none is known.

    A residual block has 1 + L and 1 / (1 - L), and a chain the products of its links (Behrmann
    et al. 2019, arXiv:1811.00995, lemma 2), with L what the present weights guarantee, at
    most the bound that the block was built with. Couplings that depend on what they keep have
    no bound: they may stretch without limit.

    Args:
        bijection: of a flow, its `bijection`.
    """
    del bijection
    return LipschitzBounds(jnp.asarray(jnp.inf), jnp.asarray(jnp.inf))


@lipschitz_bounds.register
def _residual(block: InvertibleResidual) -> LipschitzBounds:
    bound = block.network.lipschitz_bound()
    return LipschitzBounds(1 + bound, 1 / (1 - bound))


@lipschitz_bounds.register
def _chain(chain: Chain) -> LipschitzBounds:
    return _product([lipschitz_bounds(link) for link in chain.bijections])


@lipschitz_bounds.register
def _repeat(stack: Repeat) -> LipschitzBounds:
    forward, inverse = eqx.filter_vmap(
        lipschitz_bounds, axis_size=stack.num_layers, out_axes=0
    )(stack.layers)  # fmt: skip
    return LipschitzBounds(forward.prod(), inverse.prod())


@lipschitz_bounds.register
def _invert(inverted: Invert) -> LipschitzBounds:
    forward, inverse = lipschitz_bounds(inverted.bijection)
    return LipschitzBounds(inverse, forward)


@lipschitz_bounds.register
def _actnorm(layer: ActNorm) -> LipschitzBounds:
    return _scales(jnp.exp(-layer.log_scale))


@lipschitz_bounds.register
def _affine(layer: Affine) -> LipschitzBounds:
    return _scales(1 / layer.scale)


@lipschitz_bounds.register
def _linear_regression(layer: LinearRegression) -> LipschitzBounds:
    return _scales(1 / jnp.linalg.svd(layer.cholesky, compute_uv=False))


@lipschitz_bounds.register(Permutation)
@lipschitz_bounds.register(RandomOrthogonal)
def _isometry(layer: Permutation | RandomOrthogonal) -> LipschitzBounds:
    del layer
    return LipschitzBounds(jnp.ones(()), jnp.ones(()))


@lipschitz_bounds.register
def _coupling(layer: Coupling) -> LipschitzBounds:
    if layer.num_kept == 0 and isinstance(layer.transformer, AdditiveTransformer):
        return _scales(jnp.ones(1))
    if layer.num_kept == 0 and isinstance(layer.transformer, AffineTransformer):
        largest = jnp.exp(jnp.asarray(layer.transformer.clamp))
        return LipschitzBounds(largest, largest)
    return LipschitzBounds(jnp.asarray(jnp.inf), jnp.asarray(jnp.inf))


def _scales(scales: Float[Array, " dim"]) -> LipschitzBounds:
    size = jnp.abs(scales)
    return LipschitzBounds(size.max(), 1 / size.min())


def _product(bounds: list[LipschitzBounds]) -> LipschitzBounds:
    forward, inverse = (jnp.stack(side).prod() for side in zip(*bounds, strict=True))
    return LipschitzBounds(forward, inverse)
