"""Recovery: which true parameters do the observations give back, and how well?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import Json, by_name, draws_and_truth, parameter_names
from retrodict.errors import ConstantColumnError


@dataclass(frozen=True)
class Recovery:
    """Posterior medians against true parameters.

    It measures how much the observations tell, not whether the posterior is right: a parameter
    that they do not determine has an R^2 of 0 under the exact posterior.

    Attributes:
        truth: true parameters.
        medians: posterior medians.
        lower, upper: ends of the central 90 % interval.
        r_squared: 1 - sum of (median - truth)^2 / sum of (truth - mean truth)^2, per parameter.
        rmse: root mean squared difference of median and truth, in the parameter's unit.
        correlations: Pearson's, of median and truth; 0 where the median never changes.
        contractions: 1 - posterior variance / variance of the truth, median over observations:
            1 where the observation determines the parameter, 0 where it says nothing.
        names: of the parameters.
    """

    truth: Float[np.ndarray, "observations dim"]
    medians: Float[np.ndarray, "observations dim"]
    lower: Float[np.ndarray, "observations dim"]
    upper: Float[np.ndarray, "observations dim"]
    r_squared: Float[np.ndarray, " dim"]
    rmse: Float[np.ndarray, " dim"]
    correlations: Float[np.ndarray, " dim"]
    contractions: Float[np.ndarray, " dim"]
    names: tuple[str, ...]

    def to_dict(self) -> Json:
        return {
            "r_squared": by_name(self.names, self.r_squared),
            "rmse": by_name(self.names, self.rmse),
            "correlations": by_name(self.names, self.correlations),
            "contractions": by_name(self.names, self.contractions),
            "num_observations": len(self.truth),
        }

    def __str__(self) -> str:
        order = np.argsort(-self.r_squared, kind="stable")
        listed = ", ".join(f"`{self.names[i]}` {self.r_squared[i]:.3f}" for i in order)
        return (
            f"R^2 of posterior median against truth, best first: {listed}; where it is low while "
            "calibration passes, the observations do not determine the parameter."
        )


def recovery(draws: ArrayLike, truth: ArrayLike, *, names: Sequence[str] | None = None) -> Recovery:
    """Compare posterior medians with the true parameters.

    Args:
        draws: posterior draws, (observations, draws, dim).
        truth: the causes that made the observations, (observations, dim), drawn from the prior.
        names: of the parameters; `x1 ... xN` by default.

    Returns:
        R^2, RMSE, correlation and posterior contraction (Schad et al. 2021, arXiv:1904.12765)
        per parameter, with medians and intervals for the picture.

    Raises:
        NonFiniteError, ShapeError, TooFewRowsError, ConfigurationError: arguments that cannot
            answer the question.
        ConstantColumnError: a true parameter, or all its draws, never vary.
    """
    draws, truth = draws_and_truth(draws, truth)
    constant = np.ptp(truth, axis=0) == 0
    if constant.any():
        raise ConstantColumnError(
            f"The true parameters {np.flatnonzero(constant).tolist()} (counted from 0) are the "
            "same in all observations, so R^2 means nothing.",
            "Use test observations whose causes are drawn from the prior.",
        )
    truth = truth.astype(float)
    lower, medians, upper = np.quantile(draws, [0.05, 0.5, 0.95], axis=1).astype(float)
    squared_error = ((medians - truth) ** 2).mean(axis=0)
    variance = truth.var(axis=0)
    posterior_variance = np.median(draws.var(axis=1, dtype=float), axis=0)
    return Recovery(
        truth=truth,
        medians=medians,
        lower=lower,
        upper=upper,
        r_squared=1 - squared_error / variance,
        rmse=np.sqrt(squared_error),
        correlations=_correlations(medians, truth),
        contractions=1 - posterior_variance / variance,
        names=parameter_names(names, truth.shape[1]),
    )


def _correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    covariance = (first * second).mean(axis=0)
    sds = first.std(axis=0) * second.std(axis=0)
    return np.divide(covariance, sds, out=np.zeros_like(covariance), where=sds > 0)
