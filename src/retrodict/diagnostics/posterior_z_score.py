"""Posterior z-scores and contraction: how far off, and how much was learnt, per parameter."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import Json, by_name, draws_and_truth, parameter_names
from retrodict.errors import ConstantColumnError

LEVEL = 0.01
NUM_REPLICATIONS = 999
WELL_DETERMINED = 0.8  # median contraction from which a parameter is called so
POORLY_IDENTIFIED = 0.2  # and below which it is called so
_TIE = 1e-9


@dataclass(frozen=True)
class PosteriorZScores:
    """Error of the posterior mean in posterior standard deviations, against contraction.

    Attributes:
        z_scores: (posterior mean - truth) / posterior standard deviation.
        contractions: 1 - posterior variance / variance of the truth over observations.
        mean_z: per parameter; 0 for an exact posterior, up to chance.
        rms_z: root mean square per parameter; 1 for an exact posterior, up to chance and the
            finite number of draws.
        median_contractions: per parameter.
        shifts: `mean_z` in units of the spread of z, less what chance makes of it on average, in
            standard errors of chance; positive where the posterior lies too high.
        spreads: `rms_z` likewise; positive where the posterior is too narrow.
        bias_p_values: of `shifts`, two-sided, over all parameters and both statistics together.
        width_p_values: of `spreads`, likewise.
        names: of the parameters.
        num_draws: posterior draws per observation.
    """

    z_scores: Float[np.ndarray, "observations dim"]
    contractions: Float[np.ndarray, "observations dim"]
    mean_z: Float[np.ndarray, " dim"]
    rms_z: Float[np.ndarray, " dim"]
    median_contractions: Float[np.ndarray, " dim"]
    shifts: Float[np.ndarray, " dim"]
    spreads: Float[np.ndarray, " dim"]
    bias_p_values: Float[np.ndarray, " dim"]
    width_p_values: Float[np.ndarray, " dim"]
    names: tuple[str, ...]
    num_draws: int

    @property
    def passed(self) -> bool:
        """No mean or mean square of z-scores is beyond chance, at 1 % together."""
        return bool(min(self.bias_p_values.min(), self.width_p_values.min()) > LEVEL)

    @property
    def readings(self) -> dict[str, str]:
        """One phrase per parameter, e.g. {"x1": "well determined", "x2": "overconfident"}."""
        return {name: self._reading(i) for i, name in enumerate(self.names)}

    def _reading(self, i: int) -> str:
        wrong = []
        if self.width_p_values[i] <= LEVEL:
            wrong.append("overconfident" if self.spreads[i] > 0 else "underconfident")
        if self.bias_p_values[i] <= LEVEL:
            wrong.append("biased upwards" if self.shifts[i] > 0 else "biased downwards")
        if wrong:
            return " and ".join(wrong)
        if self.median_contractions[i] >= WELL_DETERMINED:
            return "well determined"
        if self.median_contractions[i] < POORLY_IDENTIFIED:
            return "poorly identified"
        return "partly determined"

    def to_dict(self) -> Json:
        return {
            "passed": self.passed,
            "readings": self.readings,
            "mean_z": by_name(self.names, self.mean_z),
            "rms_z": by_name(self.names, self.rms_z),
            "median_contractions": by_name(self.names, self.median_contractions),
            "bias_p_values": by_name(self.names, self.bias_p_values),
            "width_p_values": by_name(self.names, self.width_p_values),
            "num_observations": len(self.z_scores),
            "num_draws": self.num_draws,
        }

    def __str__(self) -> str:
        groups: dict[str, list[str]] = {}
        for name, reading in self.readings.items():
            groups.setdefault(reading, []).append(f"`{name}`")
        listed = "; ".join(f"{reading}: {', '.join(names)}" for reading, names in groups.items())
        found = f"Posterior z-scores of {len(self.z_scores)} observations: {listed}"
        if self.passed:
            return f"{found} (mean squares are those of an exact posterior within chance)."
        worst = int(np.argmax(np.maximum(np.abs(self.shifts), np.abs(self.spreads))))
        return (
            f"{found} (worst, `{self.names[worst]}`: mean z {self.mean_z[worst]:.2f}, rms z "
            f"{self.rms_z[worst]:.2f}); train longer, with more simulations or with a more "
            "flexible model."
        )


def posterior_z_scores(
    draws: ArrayLike, truth: ArrayLike, *, names: Sequence[str] | None = None, seed: int = 0
) -> PosteriorZScores:
    """z-score and contraction of every posterior (Schad et al. 2021, arXiv:1904.12765).

    z = (posterior mean - truth) / posterior sd says how wrong, in the posterior's own units;
    contraction = 1 - posterior variance / prior variance says how much was learnt. Together
    they tell a parameter that the data determine (contraction near 1, z of order 1) from one
    that they do not (near 0), and both from a posterior that is too sure (large z).

    Over observations z has mean 0 and, for many draws, mean square 1 where the posterior is
    exact, of any shape. Both,
    the mean in units of the spread, are tested by letting a random draw of each observation
    stand in for its truth, 999 times: under an exact posterior the truth is one draw among the
    others, so that the p-values are exact for every number of draws and every shape. They hold
    for all parameters together (largest standardised statistic; Westfall and Young 1993).

    Args:
        draws: independent posterior draws, (observations, draws, dim); thin Markov chains first.
        truth: the causes that made the observations, (observations, dim), drawn from the prior,
            whose variance is taken for the prior's.
        names: of the parameters; `x1 ... xN` by default.
        seed: of the draws that stand in for the truth.

    Raises:
        NonFiniteError, ShapeError, TooFewRowsError, ConfigurationError: arguments that cannot
            answer the question.
        ConstantColumnError: a true parameter never varies, or the draws of one do not for some
            observation.
    """
    draws, truth = draws_and_truth(draws, truth)
    num_observations, num_draws, dim = draws.shape
    columns = parameter_names(names, dim)
    prior_variances = truth.var(axis=0, dtype=float)
    constant = prior_variances == 0
    if constant.any():
        raise ConstantColumnError(
            f"The true parameters {np.flatnonzero(constant).tolist()} (counted from 0) are the "
            "same in all observations, so contraction means nothing.",
            "Use test observations whose causes are drawn from the prior.",
        )
    stand_ins = np.random.default_rng(seed).integers(
        0, num_draws + 1, size=(NUM_REPLICATIONS, num_observations)
    )
    z_scores, posterior_variances = np.empty((2, num_observations, dim))
    statistics = np.empty((1 + NUM_REPLICATIONS, dim, 2))
    for i in range(dim):
        z, posterior_variances[:, i] = _z_of_each(draws[:, :, i], truth[:, i], columns[i])
        z_scores[:, i] = z[:, 0]
        chosen = np.concatenate([z[None, :, 0], z[np.arange(num_observations), stand_ins]])
        # In units of their own spread: a mean varies more where the posterior is too narrow, and
        # that alone must not look like a bias.
        statistics[:, i, 0] = chosen.mean(axis=1) / chosen.std(axis=1)
        # Not its logarithm: a truth far outside its draws also stands in for itself at times,
        # and would then spread the logarithm so widely that it could not stand out.
        statistics[:, i, 1] = np.sqrt((chosen**2).mean(axis=1))
    deviations, p_values = _joint_p_values(statistics)
    contractions = 1 - posterior_variances / prior_variances
    return PosteriorZScores(
        z_scores=z_scores,
        contractions=contractions,
        mean_z=z_scores.mean(axis=0),
        rms_z=statistics[0, :, 1],
        median_contractions=np.median(contractions, axis=0),
        shifts=deviations[:, 0],
        spreads=deviations[:, 1],
        bias_p_values=p_values[:, 0],
        width_p_values=p_values[:, 1],
        names=columns,
        num_draws=num_draws,
    )


def _z_of_each(draws: np.ndarray, truth: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """z-scores (observations, 1 + draws) of the truth and of each draw, left out in turn.

    With n values of mean m and sum of squares S around it, leaving out one at distance d moves
    the mean by -d / (n - 1) and leaves the sum S - d^2 n / (n - 1).

    Returns:
        The z-scores, that of the truth first, and the variance of the draws.
    """
    values = np.concatenate([truth[:, None], draws], axis=1).astype(float)
    num = values.shape[1]
    distances = values - values.mean(axis=1, keepdims=True)
    total = (distances**2).sum(axis=1, keepdims=True)
    variances = (total - distances**2 * num / (num - 1)) / (num - 2)
    # Directly, for a truth so far away that the difference would be mostly rounding.
    variances[:, 0] = values[:, 1:].var(axis=1, ddof=1)
    degenerate = (np.ptp(draws, axis=1) == 0) | (variances[:, 1:] <= 1e-12 * total / num).any(
        axis=1
    )
    if degenerate.any():
        rows = np.flatnonzero(degenerate)
        raise ConstantColumnError(
            f"The draws of `{name}` are all equal, or all but one, in {len(rows)} observations, "
            f"the first at {rows[:5].tolist()}: they have no standard deviation.",
            "Pass draws from the posterior, or leave the parameter out where it is known.",
        )
    z = -distances * num / (num - 1) / np.sqrt(variances)
    return z, variances[:, 0]


def _joint_p_values(statistics: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standardised first row, and its two-sided p-values among all rows, all columns together.

    All rows, the first included, enter the standardisation, so that under the null no row is
    special.
    """
    centred = statistics - statistics.mean(axis=0)
    standardised = centred / np.sqrt((centred**2).mean(axis=0))
    largest = np.abs(standardised).reshape(len(statistics), -1).max(axis=1)
    limits = np.abs(standardised[0]) * (1 - _TIE)
    at_least = (largest[:, None, None] >= limits).sum(axis=0)
    return standardised[0], np.asarray(at_least / len(statistics))
