"""Local classifier two-sample test: is the posterior right at this observation?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import MIN_DRAWS, Json, finite_array
from retrodict.errors import ConfigurationError, ConstantColumnError, ShapeError, TooFewRowsError

LEVEL = 0.01
MIN_PAIRS = 200

# Chosen on linear-Gaussian problems with 1,000 pairs: large enough to see correlations alone,
# local enough to leave alone observations one prior standard deviation from where it is wrong.
NEIGHBOUR_SHARE = 0.3  # of the pairs, that the weights of neighbours amount to
DEGREES_OF_FREEDOM = 20.0  # of the classifier
NUM_UNITS = 300
MAX_DIM_OF_PRODUCTS = 20
_REGRESSION_UNITS = 100
_REGRESSION_PENALTY = 1e-3
_TIE = 1e-9


@dataclass(frozen=True)
class LocalC2ST:
    """Whether a classifier tells draws of one observation's posterior from the truth.

    Attributes:
        statistic: mean over draws of (d - 1/2)^2, d the classifier's estimate of the probability
            that a value is the truth; 0 where it cannot tell.
        null: the same for classifiers trained on permuted labels.
        p_value: (1 + number of null values of at least `statistic`) / (1 + their number).
        probabilities: d at each draw, by least squares, so that single ones may leave [0, 1];
            below 1/2 where the posterior puts too much of its draws.
        num_pairs: observations that the classifier was trained on.
    """

    statistic: float
    null: Float[np.ndarray, " permutations"]
    p_value: float
    probabilities: Float[np.ndarray, " draws"]
    num_pairs: int

    @property
    def passed(self) -> bool:
        """The classifier does no better than one trained on permuted labels, at 1 %."""
        return self.p_value > LEVEL

    def to_dict(self) -> Json:
        return {
            "passed": self.passed,
            "statistic": self.statistic,
            "p_value": self.p_value,
            "null_99_percent": float(np.quantile(self.null, 0.99)),
            "num_permutations": len(self.null),
            "num_pairs": self.num_pairs,
            "num_draws": len(self.probabilities),
        }

    def __str__(self) -> str:
        found = (
            f"L-C2ST {self.statistic:.2g} from {self.num_pairs} pairs (p = {self.p_value:.2g} "
            f"from {len(self.null)} permutations)"
        )
        if self.passed:
            return f"{found}: no error of the posterior is seen at this observation."
        return (
            f"{found}: the posterior is wrong at this observation; train with more simulations "
            "like it, or refine its draws with the likelihood."
        )


def local_c2st(
    draws: ArrayLike,
    truth: ArrayLike,
    observations: ArrayLike,
    draws_at: ArrayLike,
    observation: ArrayLike,
    *,
    num_null: int = 100,
    seed: int = 0,
) -> LocalC2ST:
    """Test the posterior of one observation without its exact posterior (Linhart et al. 2023).

    A classifier is trained to tell pairs (truth, y) from pairs (draw, y), one draw of the
    posterior of each y. At one observation it is asked about draws of its posterior; the
    statistic is the mean of (d - 1/2)^2 (L-C2ST, arXiv:2306.03580). For an exact
    posterior truth and draw are exchangeable within each pair: swapping them at random gives
    the null distribution, exactly, for every number of pairs.

    The classifier is a ridge regression of the labels on 300 random rectified units, values and
    their products, with 20 degrees of freedom, so that one factorisation serves all
    permutations. It sees values less their regression on y, in units of their regressed spread,
    and counts the nearest pairs most, nearest in what those regressions predict: Gaussian
    weights that amount to 30 % of the pairs. Regressions are blind to which value is the truth.

    A large error at other observations can leak into this one, since the classifier is smooth
    and, with many parameters, no pair is near; a posterior that is wrong in details finer than
    the classifier passes.

    Args:
        draws: one draw of the posterior of each observation, (pairs, dim).
        truth: the causes that made the observations, (pairs, dim), drawn from the prior.
        observations: (pairs, cond).
        draws_at: draws of the posterior of `observation`, (draws, dim).
        observation: the one to be judged, (cond,).
        num_null: random labellings.
        seed: of the units and of the labellings.

    Raises:
        NonFiniteError, ShapeError, TooFewRowsError: arguments that cannot answer the question.
        ConstantColumnError: a parameter never varies.
        ConfigurationError: too few labellings for a p-value of 1 %.
    """
    pairs = _checked(draws, truth, observations, draws_at, observation)
    if 1 / (num_null + 1) > LEVEL:
        raise ConfigurationError(
            f"The smallest p-value of {num_null} labellings is {1 / (num_null + 1):.2g}, too "
            f"large for a test at {LEVEL}.",
            "Use 100.",
        )
    rng = np.random.default_rng(seed)
    residuals, residuals_at, weights = _residuals(pairs, rng)
    y, y_at = pairs.observations, np.repeat(pairs.observation[None], len(residuals_at), axis=0)
    features = _features_of(residuals.shape[2], y.shape[1], rng)
    labels = np.concatenate(
        [np.ones((len(y), 1)), rng.choice([-1.0, 1.0], size=(len(y), num_null))], axis=1
    )
    deviations = _deviations(
        np.stack([features(residuals[0], y), features(residuals[1], y)]),
        features(residuals_at, y_at),
        weights,
        labels,
    )
    statistics = (deviations**2).mean(axis=0)
    at_least = (statistics[1:] >= statistics[0] * (1 - _TIE)).sum()
    return LocalC2ST(
        statistic=float(statistics[0]),
        null=statistics[1:],
        p_value=float((1 + at_least) / (1 + num_null)),
        probabilities=0.5 + deviations[:, 0],
        num_pairs=len(y),
    )


class _Pairs(NamedTuple):
    """What the test is about, standardised."""

    values: np.ndarray  # (2, pairs, dim), the truth first
    observations: np.ndarray
    values_at: np.ndarray
    observation: np.ndarray


def _checked(
    draws: ArrayLike,
    truth: ArrayLike,
    observations: ArrayLike,
    draws_at: ArrayLike,
    observation: ArrayLike,
) -> _Pairs:
    draws = finite_array("draws", draws, ("pairs", "dim"))
    truth = finite_array("truth", truth, ("pairs", "dim"))
    y = finite_array("observations", observations, ("pairs", "cond"))
    values_at = finite_array("draws_at", draws_at, ("draws", "dim"))
    y_at = finite_array("observation", observation, ("cond",))
    if draws.shape != truth.shape or len(y) != len(truth):
        raise ShapeError(
            "`draws`, `truth` and `observations` must have a row for each pair and the first two "
            f"the same columns; got {draws.shape}, {truth.shape} and {y.shape}.",
            "Give one draw of the posterior and one truth for each observation, in one order.",
        )
    if values_at.shape[1] != truth.shape[1] or y_at.shape != y.shape[1:]:
        raise ShapeError(
            f"`draws_at` needs {truth.shape[1]} columns and `observation` {y.shape[1]} numbers; "
            f"got {values_at.shape} and {y_at.shape}.",
            "Give the same parameters and observables as in the pairs.",
        )
    if len(y) < MIN_PAIRS or len(values_at) < MIN_DRAWS:
        raise TooFewRowsError(
            f"At least {MIN_PAIRS} pairs and {MIN_DRAWS} draws at the observation are needed; "
            f"got {len(y)} and {len(values_at)}.",
            "Give more; some thousand pairs and some hundred draws answer well.",
        )
    values = np.stack([truth, draws]).astype(float)
    constant = np.ptp(values, axis=(0, 1)) == 0
    if constant.any():
        raise ConstantColumnError(
            f"The parameters {np.flatnonzero(constant).tolist()} (counted from 0) never vary.",
            "Leave them out.",
        )
    centre, scale = values.mean(axis=(0, 1)), values.std(axis=(0, 1))
    y_centre, y_scale = y.mean(axis=0, dtype=float), y.std(axis=0, dtype=float)
    # An observable that never varies says nothing, whatever its unit.
    y_scale[y_scale == 0] = 1.0
    return _Pairs(
        (values - centre) / scale,
        (y - y_centre) / y_scale,
        (values_at - centre) / scale,
        (y_at - y_centre) / y_scale,
    )


def _residuals(
    pairs: _Pairs, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """White residuals of all values given y, and how much each pair counts.

    Mean and log spread are regressed on y from both values of a pair alike; the distance of two
    observations is that of the Gaussians so predicted.
    """
    y = pairs.observations
    units = _units(y.shape[1], min(_REGRESSION_UNITS, len(y) // 10), rng)

    def regressors(y: np.ndarray) -> np.ndarray:
        return np.concatenate([np.ones((len(y), 1)), y, units(y)], axis=1)

    known, known_at = regressors(y), regressors(pairs.observation[None])
    mean, mean_at = _regression(known, pairs.values.mean(axis=0), known_at)
    residuals, residuals_at = pairs.values - mean, pairs.values_at - mean_at
    squares = (residuals**2).mean(axis=0)
    log_squares = np.log(squares + 1e-3 * squares.mean(axis=0) + np.finfo(float).tiny)
    log_spread, log_spread_at = (part / 2 for part in _regression(known, log_squares, known_at))
    # The mean of a logarithm is not that of the squares: one factor brings spreads to 1.
    factor = np.sqrt((squares / np.exp(2 * log_spread)).mean(axis=0))
    spread, spread_at = factor * np.exp(log_spread), factor * np.exp(log_spread_at)
    distances = (((mean - mean_at) / spread_at) ** 2).sum(axis=1)
    distances += 2 * ((log_spread - log_spread_at) ** 2).sum(axis=1)
    residuals, residuals_at = residuals / spread, residuals_at / spread_at
    dim = residuals.shape[2]
    flat = residuals.reshape(-1, dim)
    covariance = flat.T @ flat / len(flat) + 1e-9 * np.eye(dim)
    whitening = np.linalg.inv(np.linalg.cholesky(covariance)).T
    return residuals @ whitening, residuals_at @ whitening, _neighbour_weights(distances)


def _regression(
    known: np.ndarray, targets: np.ndarray, known_at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ridge regression, at its own rows and at others."""
    gram = known.T @ known
    penalty = _REGRESSION_PENALTY * np.trace(gram) / len(gram)
    coefficients = np.linalg.solve(gram + penalty * np.eye(len(gram)), known.T @ targets)
    return known @ coefficients, known_at @ coefficients


def _neighbour_weights(distances: np.ndarray) -> np.ndarray:
    """exp(-distance / h), with h such that (sum w)^2 / sum w^2 is 30 % of the pairs."""
    excess = distances - distances.min()
    low, high = np.log(np.median(excess) + 1e-12) + np.array([-20.0, 20.0])
    for _ in range(60):
        middle = (low + high) / 2
        weights = np.exp(-excess / np.exp(middle))
        if weights.sum() ** 2 / (weights**2).sum() < NEIGHBOUR_SHARE * len(excess):
            low = middle
        else:
            high = middle
    return np.exp(-excess / np.exp(high))


def _units(dim: int, num: int, rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Rectified projections on random directions, from random thresholds."""
    directions, thresholds = _directions(dim, num, rng), rng.normal(size=num)
    return lambda rows: np.maximum(rows @ directions + thresholds, 0.0)


def _directions(dim: int, num: int, rng: np.random.Generator) -> np.ndarray:
    columns = rng.normal(size=(dim, num))
    return columns / np.linalg.norm(columns, axis=0)


def _features_of(
    dim: int, cond: int, rng: np.random.Generator
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """What the classifier sees of values (rows, dim) and observations (rows, cond).

    Both have the same say in a random unit, however many observables there are.
    """
    of_values, of_observations = (_directions(size, NUM_UNITS, rng) for size in (dim, cond))
    thresholds = rng.normal(size=NUM_UNITS)
    i, j = np.triu_indices(dim) if dim <= MAX_DIM_OF_PRODUCTS else (np.arange(dim),) * 2

    def features(values: np.ndarray, y: np.ndarray) -> np.ndarray:
        projections = values @ of_values + y @ of_observations + thresholds
        return np.concatenate(
            [values, values[:, i] * values[:, j], np.maximum(projections, 0.0)], axis=1
        )

    return features


def _deviations(
    features: np.ndarray, features_at: np.ndarray, weights: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """d - 1/2 at the draws, (draws, labellings): weighted ridge regression of +-1/2 on features.

    Args:
        features: (2, pairs, features), of the truth first.
        features_at: (draws, features).
        weights: of the pairs.
        labels: 1 where the first of a pair is labelled as the truth, -1 where the second is,
            (pairs, labellings).
    """
    both = 2 * weights.sum()
    centre = np.einsum("p,cpf->f", weights, features) / both
    scale = np.sqrt(np.einsum("p,cpf->f", weights, (features - centre) ** 2) / both) + 1e-12
    known, known_at = (features - centre) / scale, (features_at - centre) / scale
    weighted = known * weights[:, None]
    gram = np.einsum("cpf,cpg->fg", weighted, known, optimize=True)
    values, vectors = np.linalg.eigh(gram)
    values = np.maximum(values, 0.0)
    moments = vectors.T @ ((weighted[0] - weighted[1]).T @ labels / 2)
    shrunk = moments / (values + _penalty(values))[:, None]
    return np.asarray((known_at @ vectors) @ shrunk)


def _penalty(values: np.ndarray) -> float:
    """The ridge penalty that leaves the wanted degrees of freedom, sum of v / (v + penalty)."""
    low, high = np.log(values.sum()) + np.array([-30.0, 10.0])
    for _ in range(60):
        middle = (low + high) / 2
        if (values / (values + np.exp(middle))).sum() > DEGREES_OF_FREEDOM:
            low = middle
        else:
            high = middle
    return float(np.exp(high))
