"""Classifier two-sample test: can a trained classifier tell two samples apart?"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import Json, finite_array
from retrodict.diagnostics.exponents import exponents
from retrodict.errors import (
    ConfigurationError,
    ConstantColumnError,
    DivergenceError,
    ShapeError,
    TooFewRowsError,
)

LEVEL = 0.01
MIN_DRAWS = 50
FARTHEST = 1e15  # gradients of values beyond about 1e20 overflow in single precision


@dataclass(frozen=True)
class ClassifierTwoSampleTest:
    """How often a classifier tells from which of two samples a held-out draw came.

    Attributes:
        fold_accuracies: accuracy on each held-out fold.
        p_value: probability that guessing is right as often (binomial).
        num_draws: per sample.
    """

    fold_accuracies: Float[np.ndarray, " folds"]
    p_value: float
    num_draws: int

    @property
    def accuracy(self) -> float:
        """Mean over folds: 0.5 for equal samples, 1 for samples without overlap."""
        return float(self.fold_accuracies.mean())

    @property
    def passed(self) -> bool:
        """The classifier does no better than guessing, at 1 %."""
        return self.p_value > LEVEL

    def __float__(self) -> float:
        return self.accuracy

    def to_dict(self) -> Json:
        return {
            "passed": self.passed,
            "accuracy": self.accuracy,
            "fold_accuracies": self.fold_accuracies.tolist(),
            "p_value": self.p_value,
            "num_draws": self.num_draws,
        }

    def __str__(self) -> str:
        if self.passed:
            return (
                f"C2ST {self.accuracy:.3f}: a classifier cannot tell the two sets of "
                f"{self.num_draws} draws apart (0.5 is guessing, p = {self.p_value:.2g})."
            )
        return (
            f"C2ST {self.accuracy:.3f}: a classifier tells the two sets of {self.num_draws} draws "
            f"apart (0.5 is guessing, p = {self.p_value:.2g}); compare their marginals and pairs "
            "to see where."
        )


def c2st(
    first: ArrayLike,
    second: ArrayLike,
    *,
    z_score: bool = True,
    seed: int = 1,
    num_folds: int = 5,
    num_jobs: int | None = None,
) -> ClassifierTwoSampleTest:
    """Classifier two-sample test exactly as sbibm defines it.

    Both samples are standardised with mean and standard deviation (divisor n - 1) of `first`,
    the reference. A multilayer perceptron (two layers of 10 dim rectified units, Adam, at most
    10,000 iterations) is trained and judged by cross-validation over shuffled folds (Lopez-Paz
    and Oquab 2017, arXiv:1610.06545; Lueckmann et al. 2021, arXiv:2101.04653). Published
    numbers compare 10,000 draws with 10,000 in single precision, as here.

    Args:
        first: reference draws, (draws, dim).
        second: draws to judge, as many.
        z_score: standardise both with the reference.
        seed: of the classifier's weights and of the folds.
        num_folds: of the cross-validation.
        num_jobs: folds trained at once, each in a process of its own; -1 for all cores; one
            after the other by default. It does not change the result.

    Raises:
        NonFiniteError, ShapeError, TooFewRowsError, ConstantColumnError, ConfigurationError:
            arguments that cannot be compared.
        DivergenceError: samples so far apart that the classifier's gradients would overflow.
    """
    from sklearn.model_selection import KFold, cross_val_score
    from sklearn.neural_network import MLPClassifier

    first, second = comparable(first, second, num_folds)
    if z_score:
        first, second = standardised(first, second)
    num_draws, dim = first.shape
    scores = cross_val_score(
        MLPClassifier(
            hidden_layer_sizes=(10 * dim, 10 * dim),
            activation="relu",
            solver="adam",
            max_iter=10_000,
            random_state=seed,
        ),
        in_single_precision(first, second),
        np.repeat([0.0, 1.0], num_draws),
        cv=KFold(n_splits=num_folds, shuffle=True, random_state=seed),
        scoring="accuracy",
        n_jobs=num_jobs,
        error_score="raise",
    )
    return ClassifierTwoSampleTest(scores, guessing_p_value(scores, num_draws), num_draws)


def comparable(
    first: ArrayLike, second: ArrayLike, num_folds: int
) -> tuple[Float[np.ndarray, "draws dim"], Float[np.ndarray, "draws dim"]]:
    """Both samples as arrays that a classifier can be trained on and judged by.

    Raises:
        NonFiniteError, ShapeError, TooFewRowsError, ConfigurationError: they are none.
    """
    first = finite_array("first", first, ("draws", "dim"))
    second = finite_array("second", second, ("draws", "dim"))
    if first.shape != second.shape:
        raise ShapeError(
            f"Both samples must have the same shape; got {first.shape} and {second.shape}.",
            "Use as many draws on both sides, or guessing is no longer right half of the time.",
        )
    if len(first) < MIN_DRAWS:
        raise TooFewRowsError(
            f"A classifier needs at least {MIN_DRAWS} draws on each side; got {len(first)}.",
            "Draw more; published numbers use 10,000.",
        )
    if not 2 <= num_folds <= len(first):
        raise ConfigurationError(
            f"`num_folds` must be between 2 and the number of draws; got {num_folds}.",
            "Use 5.",
        )
    return first, second


def standardised(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both in standard deviations of the first, about its mean."""
    constant = np.ptp(first, axis=0) == 0
    if constant.any():
        raise ConstantColumnError(
            f"Columns {np.flatnonzero(constant).tolist()} of `first` (counted from 0) hold one "
            "value only and cannot be standardised.",
            "Leave them out of both samples, or pass `z_score=False`.",
        )
    # In double precision: a float32 mean of draws far from zero would lose their spread.
    first, second = first.astype(float), second.astype(float)
    size = exponents(first)
    # Where the second is too large for that it is infinite, and refused as too far away.
    with np.errstate(over="ignore"):
        first, second = np.ldexp(first, -size), np.ldexp(second, -size)
        mean, sd = first.mean(axis=0), first.std(axis=0, ddof=1)
        return (first - mean) / sd, (second - mean) / sd


def in_single_precision(
    first: Float[np.ndarray, "draws dim"], second: Float[np.ndarray, "draws dim"]
) -> Float[np.ndarray, "rows dim"]:
    """The rows of both, as a classifier gets them.

    Raises:
        DivergenceError: values too large for it to be trained.
    """
    rows = np.concatenate([first, second])
    farthest = float(np.abs(rows).max())
    if not farthest < FARTHEST:
        raise DivergenceError(
            f"No classifier can be trained on values up to {farthest:.2g} (in standard deviations "
            f"of `first`, where standardised); they must stay below {FARTHEST:.0e}.",
            "Look at the ranges of both samples, which lie many powers of ten apart.",
        )
    return rows.astype(np.float32)


def guessing_p_value(scores: np.ndarray, num_draws: int) -> float:
    """Probability that guessing is right as often as the folds' accuracies say."""
    from scipy.stats import binom

    num_right = math.floor(float(scores.mean()) * 2 * num_draws + 0.5)
    return float(binom.sf(num_right - 1, 2 * num_draws, 0.5))
