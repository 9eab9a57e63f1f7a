"""Calibration for each kind of observation, not only on average over all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import Json, draws_and_truth, finite_array, parameter_names
from retrodict.diagnostics.rank_uniformity import ranks_among
from retrodict.errors import ConfigurationError, ShapeError
from retrodict.variables import default_variables, names_of

LEVEL = 0.01


@dataclass(frozen=True)
class ConditionalCalibration:
    """Whether calibration is the same for small and large values of each observable.

    Attributes:
        shifts: Spearman's correlation of the truth's rank with each observable; positive where
            the posterior lies too low at large values.
        spreads: that of the rank's distance from the middle; positive where the posterior is too
            narrow at large values, or too wide at small ones.
        p_values: of the larger of both, per parameter and observable, Bonferroni over the two.
        names: of the parameters.
        observable_names: of the observables; those that never vary have a p-value of one.
        num_observations: how many were tested.
    """

    shifts: Float[np.ndarray, "dim cond"]
    spreads: Float[np.ndarray, "dim cond"]
    p_values: Float[np.ndarray, "dim cond"]
    names: tuple[str, ...]
    observable_names: tuple[str, ...]
    num_observations: int

    @property
    def passed(self) -> bool:
        """No pair of parameter and observable stands out, at 1 % together (Bonferroni)."""
        return bool((self.p_values > LEVEL / self.p_values.size).all())

    @property
    def worst(self) -> tuple[int, int]:
        """Parameter and observable with the smallest p-value."""
        i, j = np.unravel_index(np.argmin(self.p_values), self.p_values.shape)
        return int(i), int(j)

    def to_dict(self) -> Json:
        i, j = self.worst
        return {
            "passed": self.passed,
            "smallest_p_value": float(self.p_values[i, j]),
            "parameter": self.names[i],
            "observable": self.observable_names[j],
            "shift": float(self.shifts[i, j]),
            "spread": float(self.spreads[i, j]),
            "num_observations": self.num_observations,
        }

    def __str__(self) -> str:
        i, j = self.worst
        p_value = f"{self.p_values[i, j]:.2g}"
        if self.passed:
            return (
                "Calibration is the same for small and large values of every observable, as far "
                f"as {self.num_observations} observations can tell (smallest of "
                f"{self.p_values.size} p-values: {p_value})."
            )
        shifted = abs(self.shifts[i, j]) >= abs(self.spreads[i, j])
        if shifted:
            how = "lies too low" if self.shifts[i, j] > 0 else "lies too high"
        else:
            how = "is too narrow" if self.spreads[i, j] > 0 else "is too wide"
        return (
            f"Calibration depends on the observation: the posterior of `{self.names[i]}` {how} at "
            f"large values of `{self.observable_names[j]}` compared with small ones (p = "
            f"{p_value}, {self.num_observations} observations); the model needs more simulations "
            "or more flexibility in how it uses that observable."
        )


def conditional_calibration(
    draws: ArrayLike,
    truth: ArrayLike,
    observations: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    observable_names: Sequence[str] | None = None,
    seed: int = 0,
) -> ConditionalCalibration:
    """Test that the ranks of the truth do not depend on the observation.

    Under the exact posterior the rank of the truth among its draws is uniform for *every*
    observation, so independent of it; errors of opposite sign for different observations cancel
    in `simulation_based_calibration` and are seen here. Spearman's rank correlation of each
    observable with the rank r of each parameter and with |r - L/2|, with p-values from
    Student's t with n - 2 degrees of freedom.

    Args:
        draws: independent posterior draws, (observations, draws, dim); thin Markov chains first.
        truth: the causes that made the observations, (observations, dim), drawn from the prior.
        observations: what was observed, (observations, cond).
        names: of the parameters; `x1 ... xN` by default.
        observable_names: of the observables; `y1 ... yN` by default.
        seed: of the ranks among ties.

    Raises:
        NonFiniteError, ShapeError, TooFewRowsError, ConstantColumnError, ConfigurationError:
            arguments that cannot answer the question.
    """
    from scipy.stats import t

    draws, truth = draws_and_truth(draws, truth)
    observations = finite_array("observations", observations, ("observations", "cond"))
    num = len(truth)
    if len(observations) != num:
        raise ShapeError(
            f"`observations` must have one row per true value; got {len(observations)} rows for "
            f"{num}.",
            "Give the observations that `draws` were drawn for, in the same order.",
        )
    num_observables = observations.shape[1]
    if observable_names is None:
        observable_names = names_of(default_variables("y", num_observables))
    if len(observable_names) != num_observables:
        raise ConfigurationError(
            f"Expected {num_observables} names of observables; got {len(observable_names)}.",
            "Give one name per column of `observations`.",
        )
    num_draws = draws.shape[1]
    ranks = ranks_among(draws, truth, seed)
    observed = _scores(observations)
    shifts = _scores(ranks).T @ observed / num
    spreads = _scores(np.abs(ranks - num_draws / 2)).T @ observed / num
    largest = np.clip(np.maximum(np.abs(shifts), np.abs(spreads)), 0, 1 - 1e-12)
    statistic = largest * np.sqrt((num - 2) / (1 - largest**2))
    return ConditionalCalibration(
        shifts=shifts,
        spreads=spreads,
        p_values=np.minimum(4 * t.sf(statistic, num - 2), 1.0),
        names=parameter_names(names, truth.shape[1]),
        observable_names=tuple(observable_names),
        num_observations=num,
    )


def _scores(columns: Shaped[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows columns"]:
    """Average ranks of each column, standardised; zero where it never varies."""
    from scipy.stats import rankdata

    ranks = rankdata(columns, axis=0)
    ranks = ranks - ranks.mean(axis=0)
    spread = ranks.std(axis=0)
    return ranks / np.where(spread > 0, spread, np.inf)
