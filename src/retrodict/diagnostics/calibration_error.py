"""Calibration error: do the central intervals hold the truth as often as they claim?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import Json, by_name, draws_and_truth, parameter_names

CONFIDENCES = (np.arange(100) + 0.5) / 100
LEVEL = 0.01


@dataclass(frozen=True)
class CalibrationError:
    """How far the coverage of central posterior intervals is from their confidence.

    Attributes:
        confidences: the 100 confidences q = .005, .015, ..., .995.
        shares: share of true values inside the central q interval, per parameter.
        errors: median over q of |share - q|, per parameter.
        error_if_exact: what an exact posterior stays below in 99 % of tests with this many
            observations and draws, over all parameters together.
        p_values: probability of a larger error for an exact posterior, per parameter.
        width_68: median over observations of the width of the 68 % interval, per parameter.
        names: of the parameters.
        num_observations: how many observations were tested.
        num_draws: posterior draws per observation.
    """

    confidences: Float[np.ndarray, " confidences"]
    shares: Float[np.ndarray, "confidences dim"]
    errors: Float[np.ndarray, " dim"]
    error_if_exact: float
    p_values: Float[np.ndarray, " dim"]
    width_68: Float[np.ndarray, " dim"]
    names: tuple[str, ...]
    num_observations: int
    num_draws: int

    @property
    def error(self) -> float:
        """Mean over parameters of the median over q of |share - q|."""
        return float(self.errors.mean())

    @property
    def curve(
        self,
    ) -> tuple[Float[np.ndarray, " confidences"], Float[np.ndarray, "confidences dim"]]:
        """The confidences q and, for each, the share of true values inside per parameter."""
        return self.confidences, self.shares

    @property
    def passed(self) -> bool:
        """No parameter's error is beyond chance, at 1 % with Bonferroni's correction."""
        return bool((self.p_values > LEVEL / self.p_values.size).all())

    def to_dict(self) -> Json:
        return {
            "passed": self.passed,
            "error": self.error,
            "error_if_exact": self.error_if_exact,
            "errors": by_name(self.names, self.errors),
            "p_values": by_name(self.names, self.p_values),
            "width_68": by_name(self.names, self.width_68),
            "num_observations": self.num_observations,
            "num_draws": self.num_draws,
        }

    def __str__(self) -> str:
        if self.passed:
            return (
                f"Calibration error {self.error:.2%}: no more than an exact posterior shows with "
                f"{self.num_observations} observations (up to {self.error_if_exact:.2%})."
            )
        worst = int(np.argmax(self.errors))
        missing = float((self.confidences - self.shares[:, worst]).mean())
        verdict = "narrow or shifted" if missing > 0 else "wide"
        return (
            f"Calibration error {self.error:.2%}: the intervals of `{self.names[worst]}` are too "
            f"{verdict} (error {self.errors[worst]:.2%}, beyond the {self.error_if_exact:.2%} of "
            f"chance with {self.num_observations} observations); train longer or with more "
            "simulations before trusting them."
        )


def calibration_error(
    draws: ArrayLike, truth: ArrayLike, *, names: Sequence[str] | None = None
) -> CalibrationError:
    """Compare the coverage of central posterior intervals with their confidence.

    For confidences q in (0, 1), the share of true values inside the central q interval of the
    posterior draws minus q; the error is the median over q of its absolute value (Ardizzone
    et al. 2019, arXiv:1808.04730, section 4).

    With L draws the rank r of an exactly distributed truth is uniform on 0..L. A truth of rank
    r is counted inside the central q interval by the part of [r, r + 1] / (L + 1) that lies in
    [(1 - q)/2, (1 + q)/2] (a fuzzy interval, Geyer and Meeden 2005), so that an exact posterior
    covers q exactly in expectation for any L; intervals between empirical quantiles would cover
    less by about 2q/L. Draws equal to the truth spread it evenly over the ranks it could have.

    With n observations even an exact posterior has an error, of order 1/sqrt(n). The p-value
    is that of the error itself under uniform ranks, by 10,000 or more simulated data sets with
    the same n and L (Monte Carlo test; fixed seed).

    Args:
        draws: independent posterior draws, (observations, draws, dim); thin Markov chains first.
        truth: the causes that made the observations, (observations, dim), drawn from the prior.
        names: of the parameters; `x1 ... xN` by default.

    Returns:
        The error, its p-value, the whole curve, and the median width of the 68 % interval.

    Raises:
        NonFiniteError, ShapeError, TooFewRowsError, ConstantColumnError, ConfigurationError:
            arguments that cannot answer the question.
    """
    draws, truth = draws_and_truth(draws, truth)
    num_observations, num_draws, dim = draws.shape
    below = (draws < truth[:, None]).sum(axis=1)
    not_above = (draws <= truth[:, None]).sum(axis=1)
    shares = np.stack(
        [_inside(below[:, i], not_above[:, i] + 1, num_draws).mean(axis=0) for i in range(dim)],
        axis=1,
    )
    errors = _median_absolute_error(shares.T)
    num_replications = max(10_000, 500 * dim)
    chance = np.sort(_errors_by_chance(num_observations, num_draws, num_replications))
    at_least = num_replications - np.searchsorted(chance, errors - 1e-12)
    lower, upper = np.quantile(draws, [0.16, 0.84], axis=1)
    return CalibrationError(
        confidences=CONFIDENCES,
        shares=shares,
        errors=errors,
        error_if_exact=float(np.quantile(chance, 1 - LEVEL / dim)),
        p_values=(1 + at_least) / (1 + num_replications),
        width_68=np.median(upper - lower, axis=0).astype(float),
        names=parameter_names(names, dim),
        num_observations=num_observations,
        num_draws=num_draws,
    )


def _inside(first: np.ndarray, last: np.ndarray, num_draws: int) -> np.ndarray:
    """Part of [first, last]/(L + 1) within each central interval, (rows, confidences)."""
    start, stop = first[:, None] / (num_draws + 1), last[:, None] / (num_draws + 1)
    overlap = np.minimum(stop, (1 + CONFIDENCES) / 2) - np.maximum(start, (1 - CONFIDENCES) / 2)
    return np.maximum(overlap, 0) / (stop - start)


def _median_absolute_error(shares: np.ndarray) -> np.ndarray:
    return np.median(np.abs(shares - CONFIDENCES), axis=-1)


def _errors_by_chance(num_observations: int, num_draws: int, num_replications: int) -> np.ndarray:
    """Errors of an exact posterior: uniform ranks, (replications,).

    Ranks between two neighbouring interval ends count alike, so they are drawn as one group.
    """
    ends = np.concatenate([(1 - CONFIDENCES) / 2, (1 + CONFIDENCES) / 2])
    cut = np.floor(ends * (num_draws + 1)).astype(int)
    groups = np.unique(np.concatenate([[0], cut, cut + 1]))
    groups = groups[groups <= num_draws]
    sizes = np.diff(np.append(groups, num_draws + 1))
    counts = np.random.default_rng(0).multinomial(
        num_observations, sizes / (num_draws + 1), size=num_replications
    )
    shares = counts @ _inside(groups, groups + 1, num_draws) / num_observations
    return _median_absolute_error(shares)
