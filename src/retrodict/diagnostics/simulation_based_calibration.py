"""Simulation-based calibration: true values rank uniformly among their posterior draws."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import Json, by_name, draws_and_truth, parameter_names
from retrodict.diagnostics.rank_uniformity import (
    counts_below,
    rank_p_values,
    ranks_among,
    simultaneous_band,
    spread_out_points,
)

LEVEL = 0.01
CLEAR_DEVIATION = 3.0  # standard errors from which a shift or a wrong width is named
VISIBLE_DEVIATION = 2.0  # and from which it is where nothing else is clear


@dataclass(frozen=True)
class SimulationBasedCalibration:
    """Whether true parameters rank uniformly among their posterior draws.

    Attributes:
        ranks: number of draws below the truth, 0 to num_draws.
        p_values: of the uniformity of the ranks, per parameter.
        shifts: mean normal score of the ranks, in standard errors (expected or observed, the
            larger); positive where the posterior lies too low.
        spreads: variance of the normal scores minus its expectation, in standard errors;
            positive where the posterior is too narrow.
        points: the fractions at which the distribution of the ranks is compared.
        ecdf_difference: empirical minus uniform distribution function of the ranks there.
        band_lower, band_upper: the simultaneous band for that difference. Uniform ranks of
            all parameters together leave it, or the like band for central ranks, with 1 %.
        names: of the parameters.
        num_draws: posterior draws per observation.
    """

    ranks: Int[np.ndarray, "observations dim"]
    p_values: Float[np.ndarray, " dim"]
    shifts: Float[np.ndarray, " dim"]
    spreads: Float[np.ndarray, " dim"]
    points: Float[np.ndarray, " points"]
    ecdf_difference: Float[np.ndarray, "points dim"]
    band_lower: Float[np.ndarray, " points"]
    band_upper: Float[np.ndarray, " points"]
    names: tuple[str, ...]
    num_draws: int

    @property
    def passed_per_parameter(self) -> tuple[bool, ...]:
        """For each parameter: uniform at 1 % after Bonferroni's correction."""
        return tuple((self.p_values > LEVEL / self.p_values.size).tolist())

    @property
    def passed(self) -> bool:
        """All parameters are uniform at 1 % together (Bonferroni)."""
        return all(self.passed_per_parameter)

    @property
    def findings(self) -> dict[str, str]:
        """What is wrong with each parameter that failed, e.g. {"x2": "too narrow"}."""
        failed = np.flatnonzero(~np.asarray(self.passed_per_parameter))
        worst_first = failed[np.argsort(self.p_values[failed], kind="stable")]
        return {self.names[i]: _finding(self.shifts[i], self.spreads[i]) for i in worst_first}

    def to_dict(self) -> Json:
        return {
            "passed": self.passed,
            "p_values": by_name(self.names, self.p_values),
            "shifts": by_name(self.names, self.shifts),
            "spreads": by_name(self.names, self.spreads),
            "findings": self.findings,
            "num_observations": len(self.ranks),
            "num_draws": self.num_draws,
        }

    def __str__(self) -> str:
        if self.passed:
            return (
                f"Calibrated as far as {len(self.ranks)} observations can tell: true values rank "
                f"uniformly among their posterior draws (smallest of "
                f"{self.p_values.size} p-values: {self.p_values.min():.2g})."
            )
        findings = "; ".join(f"`{name}` {finding}" for name, finding in self.findings.items())
        return (
            f"Not calibrated: the posterior of {findings} (smallest p-value "
            f"{self.p_values.min():.2g}, {len(self.ranks)} observations); train longer, with more "
            "simulations or with a more flexible model."
        )


def simulation_based_calibration(
    draws: ArrayLike,
    truth: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> SimulationBasedCalibration:
    """Test that true values rank uniformly among their posterior draws.

    Where truth comes from the prior, the observation from the simulator and L independent
    draws from the exact posterior, the number of draws below the truth is uniform on 0..L
    (Talts et al. 2018, arXiv:1804.06788). Two exact tests per parameter (`rank_uniformity`):
    of the ranks, which sees shifts, and of their distance from the nearer end, which sees
    widths; the p-value is twice the smaller.

    A truth that equals some of its draws gets one of its possible ranks at random, which is
    exact for discrete parameters, where a middle rank would not be uniform.

    Args:
        draws: independent posterior draws, (observations, draws, dim); thin Markov chains first.
        truth: the causes that made the observations, (observations, dim), drawn from the prior.
        names: of the parameters; `x1 ... xN` by default.
        seed: of the ranks among ties.

    Returns:
        Ranks, p-values, and the picture's curve with its simultaneous band.

    Raises:
        NonFiniteError, ShapeError, TooFewRowsError, ConstantColumnError, ConfigurationError:
            arguments that cannot answer the question.
    """
    draws, truth = draws_and_truth(draws, truth)
    num_observations, num_draws, dim = draws.shape
    ranks = ranks_among(draws, truth, seed)
    points = spread_out_points(num_draws)
    probabilities = points / (num_draws + 1)
    counts = counts_below(ranks, points)
    band = simultaneous_band(probabilities, num_observations, LEVEL / (2 * dim))
    shifts, spreads = _deviations(ranks, num_draws)
    return SimulationBasedCalibration(
        ranks=ranks,
        p_values=rank_p_values(ranks, num_draws),
        shifts=shifts,
        spreads=spreads,
        points=probabilities,
        ecdf_difference=counts / num_observations - probabilities[:, None],
        band_lower=band[0] / num_observations - probabilities,
        band_upper=band[1] / num_observations - probabilities,
        names=parameter_names(names, dim),
        num_draws=num_draws,
    )


def _deviations(ranks: np.ndarray, num_draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Deviation of mean and variance of the ranks' normal scores, each in standard errors.

    Scores rather than ranks, because a shift leaves their variance alone. The mean varies more
    where the posterior is too narrow; that alone must not look like a shift.
    """
    from scipy.special import ndtri

    possible = ndtri((np.arange(num_draws + 1) + 0.5) / (num_draws + 1))
    scores = possible[ranks]
    root_n = np.sqrt(len(ranks))
    shifts = root_n * scores.mean(axis=0) / np.maximum(possible.std(), scores.std(axis=0))
    spreads = root_n * (scores.var(axis=0) - possible.var()) / (possible**2).std()
    return shifts, spreads


def _finding(shift: float, spread: float) -> str:
    clear = max(abs(shift), abs(spread)) > CLEAR_DEVIATION
    limit = CLEAR_DEVIATION if clear else VISIBLE_DEVIATION
    parts = []
    if abs(spread) > limit:
        parts.append("is too narrow" if spread > 0 else "is too wide")
    if abs(shift) > limit:
        parts.append("is shifted down" if shift > 0 else "is shifted up")
    return " and ".join(parts) or "has the wrong shape"
