"""Every concrete distribution under a name, two-dimensional, with SciPy's density of it."""

import dataclasses
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats as stats

from retrodict.bijections import Affine
from retrodict.distributions import (
    AbstractDistribution,
    Bernoulli,
    Conditional,
    EffectAndLatent,
    MeanFreeNormal,
    Mixture,
    MultivariateNormal,
    NegativeBinomial,
    Normal,
    PrecisionNormal,
    StandardNormal,
    StudentT,
    Transformed,
    Uniform,
    ZeroInflatedNegativeBinomial,
    num_parameters,
)

DIM, COND_DIM = 2, 3
LOC, SCALE = np.array([1.0, -0.5]), np.array([0.5, 2.0])
LOCS = np.array([[-2.0, 0.0], [1.0, 0.5], [2.0, -1.5]])
SCALES = np.array([[0.5, 1.0], [0.7, 0.4], [1.5, 0.8]])
COVARIANCE = np.array([[0.8, -0.5], [-0.5, 2.0]])
WEIGHTS = np.array([0.2, 0.5, 0.3])
SHIFT = np.random.default_rng(0).normal(scale=0.3, size=(15, COND_DIM))


class Linear(eqx.Module):
    """A network that a person can follow."""

    matrix: jax.Array

    def __call__(self, condition):
        return self.matrix @ condition


def mixture():
    components = eqx.filter_vmap(Normal)(jnp.asarray(LOCS), jnp.asarray(SCALES))
    return Mixture(components, jnp.log(jnp.asarray(WEIGHTS)))


def conditional(template):
    return Conditional(template, Linear(jnp.asarray(SHIFT[: num_parameters(template)])), COND_DIM)


def mixture_cdf(x, column):
    return sum(
        w * stats.norm.cdf(x, loc[column], scale[column])
        for w, loc, scale in zip(WEIGHTS, LOCS, SCALES, strict=True)
    )


def mixture_logpdf(x, c):
    parts = stats.norm.logpdf(x[:, None], LOCS, SCALES).sum(axis=-1)
    return np.logaddexp.reduce(parts + np.log(WEIGHTS), axis=-1)


def conditional_normal(c):
    change = SHIFT[:4] @ c
    return LOC + change[:2], SCALE * np.exp(change[2:])


def density_network(c):
    """A mixture density network's parameters: locations, log-scales, then logits."""
    change = SHIFT @ c
    logits = np.log(WEIGHTS) + change[12:]
    return (
        LOCS + change[:6].reshape(3, 2),
        SCALES * np.exp(change[6:12].reshape(3, 2)),
        logits - np.logaddexp.reduce(logits),
    )


def density_network_logpdf(x, c):
    locs, scales, log_weights = density_network(c)
    parts = stats.norm.logpdf(x[:, None], locs, scales).sum(axis=-1)
    return np.logaddexp.reduce(parts + log_weights, axis=-1)


def density_network_cdf(x, column, c):
    locs, scales, log_weights = density_network(c)
    return stats.norm.cdf(x[:, None], locs[:, column], scales[:, column]) @ np.exp(log_weights)


def spread(x):
    return np.stack([x, x], axis=-1)


@dataclasses.dataclass(frozen=True)
class Case:
    """A constructor, SciPy's joint log-density and marginal distribution functions, and a box
    that holds all but 1e-4 of the mass."""

    build: Callable[[], AbstractDistribution]
    logpdf: Callable
    cdf: Callable
    box: tuple[float, float] = (-15.0, 15.0)


def case(build, frozen, **settings):
    return Case(
        build,
        logpdf=lambda x, c: frozen.logpdf(x).sum(axis=-1),
        cdf=lambda x, column, c: frozen.cdf(spread(x))[:, column],
        **settings,
    )


# x1 = 1 + .5 e1, x2 = -.5 + .6 (x1 - 1) + 2 e2.
REGRESSION = np.array([[0.0, 0.0], [0.6, 0.0]])
OF_REGRESSION = np.array([[0.25, 0.15], [0.15, 0.09 + 4.0]])

DF = np.array([6.0, 9.0])

CONSTRUCTORS: dict[str, Case] = {
    "normal": case(lambda: Normal(jnp.asarray(LOC), jnp.asarray(SCALE)), stats.norm(LOC, SCALE)),
    "standard-normal": case(lambda: StandardNormal((DIM,)), stats.norm([0.0, 0.0], 1.0)),
    "multivariate-normal": Case(
        lambda: MultivariateNormal(jnp.asarray(LOC), COVARIANCE),
        logpdf=lambda x, c: stats.multivariate_normal(LOC, COVARIANCE).logpdf(x),
        cdf=lambda x, column, c: stats.norm.cdf(
            x, LOC[column], np.sqrt(COVARIANCE[column, column])
        ),
    ),
    "precision-normal": Case(
        lambda: PrecisionNormal(LOC, SCALE, REGRESSION),
        logpdf=lambda x, c: stats.multivariate_normal(LOC, OF_REGRESSION).logpdf(x),
        cdf=lambda x, column, c: stats.norm.cdf(
            x, LOC[column], np.sqrt(OF_REGRESSION[column, column])
        ),
    ),
    "uniform": case(
        lambda: Uniform(jnp.asarray([-1.0, 2.0]), jnp.asarray([3.0, 2.5])),
        stats.uniform([-1.0, 2.0], [4.0, 0.5]),
        box=(-2.0, 4.0),
    ),
    "student-t": case(
        lambda: StudentT(jnp.asarray(DF), jnp.asarray(LOC), jnp.asarray(SCALE / 2)),
        stats.t(DF, LOC, SCALE / 2),
        box=(-20.0, 20.0),
    ),
    "mixture": Case(mixture, mixture_logpdf, lambda x, column, c: mixture_cdf(x, column)),
    "conditional-normal": Case(
        lambda: conditional(Normal(jnp.asarray(LOC), jnp.asarray(SCALE))),
        logpdf=lambda x, c: stats.norm(*conditional_normal(c)).logpdf(x).sum(axis=-1),
        cdf=lambda x, column, c: stats.norm(*conditional_normal(c)).cdf(spread(x))[:, column],
    ),
    "mixture-density-network": Case(
        lambda: conditional(mixture()), density_network_logpdf, density_network_cdf
    ),
    "transformed": case(
        lambda: Transformed(StandardNormal((DIM,)), Affine(jnp.asarray(LOC), jnp.asarray(SCALE))),
        stats.norm(LOC, SCALE),
    ),
}

# What has no density on the plane given three numbers, and the module beside this one that holds
# its laws.
APART: dict[type[AbstractDistribution], str] = {
    EffectAndLatent: "test_bidirectional_map.py",
    MeanFreeNormal: "test_mean_free_normal.py",
    Bernoulli: "test_counts.py",
    NegativeBinomial: "test_counts.py",
    ZeroInflatedNegativeBinomial: "test_counts.py",
}
