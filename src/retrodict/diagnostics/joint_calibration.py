"""Calibration of the joint posterior: the parameters together, not one by one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import Json, by_name, draws_and_truth, parameter_names
from retrodict.diagnostics.rank_uniformity import rank_p_values, ranks_among
from retrodict.errors import TooFewRowsError

LEVEL = 0.01
DISTANCE = "distance from the centre"
MAX_PAIRS = 45
_NUMBERS_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class JointCalibration:
    """Whether true parameters lie among their posterior draws as one more draw would, jointly.

    Attributes:
        ranks: number of draws with a smaller value of the test quantity than the truth.
        p_values: of the uniformity of the ranks, per test quantity.
        quantities: what was compared: "distance from the centre", and products of two
            parameters such as "x1 with x2".
        too_high: mean rank as a share, minus one half, per quantity: for a product, positive
            where the draws are less correlated than the truth.
        num_draws: posterior draws per observation.
    """

    ranks: Int[np.ndarray, "observations quantities"]
    p_values: Float[np.ndarray, " quantities"]
    quantities: tuple[str, ...]
    too_high: Float[np.ndarray, " quantities"]
    num_draws: int

    @property
    def passed(self) -> bool:
        """All quantities rank uniformly at 1 % together (Bonferroni)."""
        return bool((self.p_values > LEVEL / self.p_values.size).all())

    @property
    def findings(self) -> dict[str, str]:
        """What is wrong with each quantity that failed, worst first."""
        failed = np.flatnonzero(self.p_values <= LEVEL / self.p_values.size)
        worst_first = failed[np.argsort(self.p_values[failed], kind="stable")]
        return {
            self.quantities[i]: _finding(self.quantities[i], self.too_high[i]) for i in worst_first
        }

    def to_dict(self) -> Json:
        return {
            "passed": self.passed,
            "p_values": by_name(self.quantities, self.p_values),
            "findings": self.findings,
            "num_observations": len(self.ranks),
            "num_draws": self.num_draws,
        }

    def __str__(self) -> str:
        if self.passed:
            return (
                f"Jointly calibrated as far as {len(self.ranks)} observations can tell: the truth "
                f"lies among the draws as one of them would (smallest of {self.p_values.size} "
                f"p-values: {self.p_values.min():.2g})."
            )
        name, finding = next(iter(self.findings.items()))
        more = len(self.findings) - 1
        others = f", and {more} more {'quantity' if more == 1 else 'quantities'}" if more else ""
        remedy = (
            "see whether the parameters one by one are wrong already"
            if name == DISTANCE
            else "the model has to hold the dependence of the parameters, not each by itself"
        )
        return (
            f"Not calibrated jointly: {finding} ({name}, p = {self.p_values.min():.2g}, "
            f"{len(self.ranks)} observations){others}; {remedy}."
        )


def joint_calibration(
    draws: ArrayLike,
    truth: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> JointCalibration:
    """Test that the truth lies among its posterior draws as one more draw would, jointly.

    Simulation-based calibration of test quantities that depend on the observation (Modrák et
    al. 2023, arXiv:2211.02383): with u the L draws and the truth, standardised by the mean and
    covariance of all L + 1 of them, which under the exact posterior are exchangeable,

        u^T C^-1 u            the distance from the centre (Mahalanobis), which sees outliers;
        u_i u_j for i < j     which sees correlations that are wrong or missing,

    for at most 45 pairs, spread evenly over all. The rank of the truth's value among those of
    its draws is uniform; the tests are those of `simulation_based_calibration`, which looks at
    each parameter alone.

    Args:
        draws: independent posterior draws, (observations, draws, dim); thin Markov chains first.
        truth: the causes that made the observations, (observations, dim), drawn from the prior.
        names: of the parameters; `x1 ... xN` by default.
        seed: of the ranks among ties.

    Raises:
        NonFiniteError, ShapeError, TooFewRowsError, ConstantColumnError, ConfigurationError:
            arguments that cannot answer the question; it needs more draws than parameters.
    """
    draws, truth = draws_and_truth(draws, truth)
    num_observations, num_draws, dim = draws.shape
    named = parameter_names(names, dim)
    if num_draws < 2 * dim:
        raise TooFewRowsError(
            f"The covariance of {dim} parameters needs at least {2 * dim} draws per observation; "
            f"got {num_draws}.",
            "Draw more from each posterior.",
        )
    pairs = _pairs(dim)
    per_block = max(1, _NUMBERS_AT_ONCE // ((num_draws + 1) * max(dim, len(pairs))))
    ranks = np.concatenate(
        [
            _ranks(
                draws[start : start + per_block],
                truth[start : start + per_block],
                pairs,
                seed + start,
            )
            for start in range(0, num_observations, per_block)
        ]
    )
    return JointCalibration(
        ranks=ranks,
        p_values=rank_p_values(ranks, num_draws),
        quantities=(
            DISTANCE,
            *(f"{named[i]} with {named[j]}" for i, j in pairs),
        ),
        too_high=ranks.mean(axis=0) / num_draws - 0.5,
        num_draws=num_draws,
    )


def _pairs(dim: int) -> Int[np.ndarray, "pairs 2"]:
    every = np.stack(np.triu_indices(dim, 1), axis=1)
    if len(every) <= MAX_PAIRS:
        return every
    return every[np.linspace(0, len(every) - 1, MAX_PAIRS).round().astype(int)]


def _ranks(
    draws: Float[np.ndarray, "block draws dim"],
    truth: Float[np.ndarray, "block dim"],
    pairs: Int[np.ndarray, "pairs 2"],
    seed: int,
) -> Int[np.ndarray, "block quantities"]:
    # The truth takes part in mean and covariance, or it would be the one point left out of them.
    points = np.concatenate([truth[:, None], draws], axis=1).astype(float)
    points -= points.mean(axis=1, keepdims=True)
    spread = points.std(axis=1, keepdims=True)
    points /= np.where(spread > 0, spread, 1)
    covariance = np.einsum("nli,nlj->nij", points, points) / points.shape[1]
    # A parameter that is constant here, or a copy of another one, adds nothing to the distance.
    inverse = np.linalg.pinv(covariance, rcond=1e-9, hermitian=True)
    distances = np.einsum("nli,nij,nlj->nl", points, inverse, points, optimize=True)
    products = points[:, :, pairs[:, 0]] * points[:, :, pairs[:, 1]]
    quantities = np.concatenate([distances[:, :, None], products], axis=2)
    return ranks_among(quantities[:, 1:], quantities[:, 0], seed)


def _finding(quantity: str, too_high: float) -> str:
    if quantity == DISTANCE:
        return (
            "the truth lies too far out"
            if too_high > 0
            else "the truth lies too close to the centre"
        )
    if abs(too_high) < 0.01:
        return f"the dependence of {quantity.replace(' with ', ' and ')} has the wrong shape"
    return (
        f"the draws of {quantity.replace(' with ', ' and ')} are correlated too "
        f"{'little or too negatively' if too_high > 0 else 'strongly or too positively'}"
    )
