"""The bijections that the others are built with: scales, bounds, mixing, couplings."""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from bijection_case import COND_DIM, DIM, Case, randomise

from retrodict.bijections import (
    ActNorm,
    AdditiveTransformer,
    Affine,
    AffineTransformer,
    BoundedToReal,
    Chain,
    ComposedTransformer,
    Coupling,
    Invert,
    LinearRegression,
    Permutation,
    PowerTransform,
    RandomOrthogonal,
    RationalQuadraticTransformer,
    Repeat,
    VolumePreservingAffineTransformer,
)

BOUND = 5.0


def coupling(transformer, cond_dim, num_kept=1, conditioner="mlp"):
    def build(key):
        key_build, key_noise = jr.split(key)
        layer = Coupling(
            transformer,
            DIM,
            num_kept,
            cond_dim,
            width=8,
            depth=1,
            conditioner=conditioner,
            key=key_build,
        )
        return randomise(layer, key_noise)

    return build


def affine(key):
    return Affine(jnp.array([1.0, -2.0, 0.5]), jnp.array([2.0, 0.3, -1.5]))


def linear_regression(key):
    weights = jnp.array([[1.0, -0.5], [0.2, 2.0], [0.0, 1.0]])
    cholesky = jnp.array([[0.5, 0.0, 0.0], [0.3, 1.5, 0.0], [-0.4, 0.2, 0.1]])
    return LinearRegression(weights, jnp.array([0.1, -1.0, 3.0]), cholesky)


def chain(key):
    key_mix, key_coupling = jr.split(key)
    return Chain(
        [
            affine(key),
            RandomOrthogonal(DIM, key=key_mix),
            coupling(AffineTransformer(), COND_DIM)(key_coupling),
            linear_regression(key),
        ]
    )


def repeat(transformer, cond_dim):
    def build(key):
        layers = []
        for k, order in zip(jr.split(key, 3), ([2, 0, 1], [0, 2, 1], [1, 2, 0]), strict=True):
            layers.append(Chain([Permutation(order), coupling(transformer, cond_dim)(k)]))
        return Repeat(layers, unroll=2)

    return build


def bounded(lower, upper, softplus_scale=None):
    return lambda key: BoundedToReal(lower, upper, softplus_scale)


INF = np.inf
SPLINE = RationalQuadraticTransformer(num_bins=4, bound=BOUND)
AFFINE_SPLINE = ComposedTransformer(AffineTransformer(), SPLINE)
SPLINE_KNOTS = (-BOUND, -BOUND / 2, BOUND / 2, BOUND)

CASES: dict[str, Case] = {
    "affine": Case(affine),
    "actnorm": Case(lambda key: randomise(ActNorm(DIM), key)),
    "random-orthogonal": Case(lambda key: RandomOrthogonal(DIM, key=key)),
    "permutation": Case(lambda key: Permutation([2, 0, 1])),
    "linear-regression-conditional": Case(linear_regression),
    "two-bounds": Case(
        bounded([0.0, -1.0, 10.0], [1.0, 3.0, 10.5]),
        into_domain=lambda normal: (
            np.array([0.0, -1.0, 10.0]) + np.array([1.0, 4.0, 0.5]) / (1 + np.exp(-normal))
        ),
        extreme_x=((0.0, -1.0, 10.0), (1.0, 3.0, 10.5), (0.5, 1.0, 10.25), (1e-30, 0.0, 10.25)),
        far_x=False,
    ),
    "lower-bound-log": Case(
        bounded([0.0, -2.0, 5.0], [INF] * 3),
        into_domain=lambda normal: np.array([0.0, -2.0, 5.0]) + np.exp(normal),
        extreme_x=((0.0, -2.0, 5.0), (1e4, 1e4, 1e4)),
        far_x=False,
    ),
    "upper-bound-softplus": Case(
        bounded([-INF] * 3, [0.0, 1.0, 5.0], [0.1, 2.0, 1.0]),
        into_domain=lambda normal: np.array([0.0, 1.0, 5.0]) - np.exp(normal),
        extreme_x=((0.0, 1.0, 5.0), (-1e4, -1e4, -1e4)),
        far_x=False,
    ),
    "mixed-bounds": Case(
        bounded([0.0, 1.0, -INF], [2.0, INF, INF], [0.0, 0.5, 0.0]),
        into_domain=lambda normal: np.stack(
            [2 / (1 + np.exp(-normal[:, 0])), 1 + np.exp(normal[:, 1]), normal[:, 2]], axis=1
        ),
        extreme_x=((0.0, 1.0, -1e4), (2.0, 1e4, 1e4), (1.0, 1.5, 0.0)),
        far_x=False,
    ),
    "power": Case(
        lambda key: PowerTransform(["identity", "log", "asinh"], [1.0, 1.0, 0.2]),
        into_domain=lambda normal: np.stack(
            [normal[:, 0], np.exp(normal[:, 1]), np.sinh(2 * normal[:, 2])], axis=1
        ),
        extreme_x=((0.0, 1e-30, 0.0), (1e4, 1e4, 1e4), (-1e4, 1.0, -1e4)),
        far_x=False,
    ),
    "additive-coupling": Case(coupling(AdditiveTransformer(), 0)),
    "affine-coupling": Case(coupling(AffineTransformer(), 0)),
    "affine-coupling-conditional": Case(coupling(AffineTransformer(), COND_DIM)),
    "affine-coupling-residual-conditional": Case(
        coupling(AffineTransformer(), COND_DIM, 2, "residual")
    ),
    "volume-preserving-coupling-conditional": Case(
        coupling(VolumePreservingAffineTransformer(), COND_DIM)
    ),
    "spline-coupling": Case(coupling(SPLINE, 0), knots=SPLINE_KNOTS),
    "spline-coupling-conditional": Case(coupling(SPLINE, COND_DIM), knots=SPLINE_KNOTS),
    "affine-spline-coupling-conditional": Case(coupling(AFFINE_SPLINE, COND_DIM)),
    "affine-elementwise": Case(coupling(AffineTransformer(), 0, num_kept=0)),
    "chain-conditional": Case(chain),
    "invert": Case(lambda key: Invert(coupling(AffineTransformer(), 0)(key))),
    "repeat": Case(repeat(AffineTransformer(), 0)),
    "repeat-conditional": Case(repeat(AdditiveTransformer(), COND_DIM)),
}
