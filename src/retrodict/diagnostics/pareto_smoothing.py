"""Pareto-smoothed importance weights: are the weights of draws fit for use?"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import Json
from retrodict.errors import NonFiniteError, NotNumericError, ShapeError, TooFewRowsError

LARGEST_K = 0.7
MIN_WEIGHTS = 25
_FEWEST_IN_TAIL = 5
_NUMBERS_AT_ONCE = 2**22
# Where nearly all tail weights are one and the same, the weights are bounded: k of U(0, 1).
_BOUNDED = -1.0


@dataclass(frozen=True)
class ParetoSmoothing:
    """Smoothed importance weights of each observation's draws, and how heavy their tail is.

    Attributes:
        log_weights: smoothed and normalised: their exponentials sum to one.
        pareto_k: shape of the generalised Pareto distribution fitted to the largest weights,
            one per observation; moments of the weights up to order 1/k exist. Infinite where
            fewer than five draws have any weight.
        ess: Kish's effective number of draws, 1 / sum of squared weights.
    """

    log_weights: Float[np.ndarray, "observations draws"]
    pareto_k: Float[np.ndarray, " observations"]
    ess: Float[np.ndarray, " observations"]

    @property
    def num_draws(self) -> int:
        """Per observation."""
        return self.log_weights.shape[1]

    @property
    def weights(self) -> Float[np.ndarray, "observations draws"]:
        """Smoothed weights that sum to one."""
        return np.exp(self.log_weights)

    @property
    def largest_k(self) -> float:
        """The k above which estimates from so many draws cannot be relied on."""
        return largest_usable_k(self.num_draws)

    @property
    def passed(self) -> bool:
        """Every k is at most min(1 - 1 / log10 draws, 0.7)."""
        return bool((self.pareto_k <= self.largest_k).all())

    def to_dict(self) -> Json:
        """Plain numbers; an infinite k is None."""
        return {
            "passed": self.passed,
            "pareto_k": [float(k) if math.isfinite(k) else None for k in self.pareto_k],
            "ess": self.ess.tolist(),
            "num_draws": self.num_draws,
        }

    def __str__(self) -> str:
        bad = int((self.pareto_k > self.largest_k).sum())
        found = (
            f"Pareto k at most {self.pareto_k.max():.2f}, effective draws at least "
            f"{self.ess.min():,.0f} of {self.num_draws:,}"
        )
        if not bad:
            return f"{found}: the weights can be used."
        return (
            f"{found}: the weights of {bad} of {len(self.pareto_k)} observations cannot be used "
            f"(k above {self.largest_k:.2f}); take a better proposal, or more draws."
        )


def largest_usable_k(num_draws: int) -> float:
    """min(1 - 1 / log10 S, 0.7) of S draws (Vehtari et al. 2024, section 3.2.4)."""
    return min(1 - 1 / math.log10(num_draws), LARGEST_K)


def pareto_smoothing(log_ratios: ArrayLike) -> ParetoSmoothing:
    """Pareto-smoothed importance sampling (Vehtari, Simpson, Gelman, Yao and Gabry 2024, JMLR).

    The min(S / 5, 3 sqrt S) largest of S weights are replaced by the expected order statistics
    of a generalised Pareto distribution fitted to them, none of them above the largest raw
    weight. The fit is the approximate posterior mean of Zhang and Stephens (2009,
    doi:10.1198/tech.2009.08017), with k shrunk towards 1/2 as by ten observations.

    Args:
        log_ratios: log target minus log proposal of each draw, up to a constant for each
            observation, (observations, draws); -inf where the target is zero.

    Raises:
        NotNumericError, ShapeError: not an array of numbers with two axes.
        NonFiniteError: NaN or +inf, with their count and the first rows.
        TooFewRowsError: fewer than 25 draws.
    """
    ratios = _checked(log_ratios)
    highest = ratios.max(axis=1, keepdims=True)
    shifted = np.where(
        np.isneginf(highest), -np.inf, ratios - np.where(highest > -np.inf, highest, 0)
    )
    num_tail = _tail_length(shifted.shape[1])
    per_block = max(1, _NUMBERS_AT_ONCE // (num_tail * _grid_length(num_tail)))
    blocks = np.array_split(shifted, range(per_block, len(shifted), per_block))
    smoothed, k = zip(*(_smooth(block, num_tail) for block in blocks), strict=True)
    log_weights, pareto_k = np.concatenate(smoothed), np.concatenate(k)
    total = np.exp(log_weights).sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_weights = np.where(total > 0, log_weights - np.log(total), -np.inf)
        ess = 1 / np.exp(2 * log_weights).sum(axis=1)
    return ParetoSmoothing(log_weights, pareto_k, np.where(np.isfinite(ess), ess, 0.0))


def _checked(log_ratios: ArrayLike) -> Float[np.ndarray, "observations draws"]:
    ratios = np.asarray(log_ratios)
    if ratios.dtype.kind not in "biuf":
        raise NotNumericError(
            f"`log_ratios` must hold real numbers; got dtype {ratios.dtype}.",
            "Convert it with `np.asarray(..., dtype=float)`.",
        )
    if ratios.ndim != 2 or ratios.size == 0:
        raise ShapeError(
            f"`log_ratios` must have the axes (observations, draws); got shape {ratios.shape}.",
            "Write the ratios of a single observation as `log_ratios[None]`.",
        )
    bad = np.isnan(ratios) | np.isposinf(ratios)
    if bad.any():
        rows = np.flatnonzero(bad.any(axis=1))
        raise NonFiniteError(
            f"`log_ratios` holds {int(bad.sum())} NaN or +inf in {len(rows)} of {len(ratios)} "
            f"observations, the first at {rows[:5].tolist()}.",
            "A density that is zero has the logarithm -inf; nothing else may be infinite.",
        )
    if ratios.shape[1] < MIN_WEIGHTS:
        raise TooFewRowsError(
            f"The tail of the weights needs at least {MIN_WEIGHTS} draws; got {ratios.shape[1]}.",
            "Take 1,000 or more.",
        )
    return ratios.astype(float)


def _tail_length(num_draws: int) -> int:
    return math.ceil(min(0.2 * num_draws, 3 * math.sqrt(num_draws)))


def _grid_length(num_tail: int) -> int:
    return 30 + int(math.sqrt(num_tail))


def _smooth(
    log_weights: Float[np.ndarray, "block draws"], num_tail: int
) -> tuple[Float[np.ndarray, "block draws"], Float[np.ndarray, " block"]]:
    """Smoothed weights relative to the largest raw one, and k."""
    num_draws = log_weights.shape[1]
    order = np.argpartition(log_weights, num_draws - num_tail - 1, axis=1)[:, -num_tail - 1 :]
    largest = np.take_along_axis(log_weights, order, axis=1)
    ascending = largest.argsort(axis=1)
    order = np.take_along_axis(order, ascending, axis=1)
    largest = np.take_along_axis(largest, ascending, axis=1)
    cutoff = np.exp(np.maximum(largest[:, :1], math.log(np.finfo(float).tiny)))
    exceedances = np.maximum(np.exp(largest[:, 1:]) - cutoff, 0)
    # Weights equal to the cutoff, or zero, do not belong to the tail.
    in_tail = exceedances > 0
    sizes = in_tail.sum(axis=1)
    fits = sizes >= _FEWEST_IN_TAIL
    safe = np.where(fits[:, None], exceedances, np.linspace(0, 1, num_tail + 1)[1:])
    k, scale = fit_generalised_pareto(safe, np.where(fits, sizes, num_tail))

    rank = np.cumsum(in_tail, axis=1)
    probability = np.where(in_tail, (rank - 0.5) / np.maximum(sizes, 1)[:, None], 0.5)
    quantiles = np.log(cutoff + _generalised_pareto_quantile(probability, k, scale))
    replaced = np.where(in_tail & fits[:, None], np.minimum(quantiles, 0), largest[:, 1:])
    smoothed = log_weights.copy()
    np.put_along_axis(smoothed, order[:, 1:], replaced, axis=1)

    num_weighted = np.isfinite(log_weights).sum(axis=1)
    without = np.where(num_weighted > num_tail, _BOUNDED, np.inf)
    return smoothed, np.where(fits, k, without)


def fit_generalised_pareto(
    exceedances: Float[np.ndarray, "rows tail"], sizes: Int[np.ndarray, " rows"]
) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
    """Shape k and scale of a generalised Pareto distribution, of many rows at once.

    With b = -k / scale, the profile log-likelihood is n (log(-b / k(b)) - k(b) - 1),
    k(b) = mean log(1 - b x), in Zhang and Stephens' sign of b; its mean over a grid is the
    estimate of b, and with it of k, then shrunk: (n k + 10 / 2) / (n + 10).

    Args:
        exceedances: over the threshold, ascending, the last `sizes` of each row positive and
            the others zero.
        sizes: at least five.
    """
    num_rows, width = exceedances.shape
    rows = np.arange(num_rows)
    first_quartile = exceedances[rows, width - sizes + (sizes / 4 + 0.5).astype(int) - 1]
    num_grid = _grid_length(width)
    spread = 1 - np.sqrt(num_grid / (np.arange(1, num_grid + 1) - 0.5))
    b = spread / (3 * first_quartile[:, None]) + 1 / exceedances[:, -1:]
    # Zeros add nothing to the sums.
    k = np.log1p(-b[:, :, None] * exceedances[:, None]).sum(axis=2) / sizes[:, None]
    log_likelihood = sizes[:, None] * (np.log(-b / k) - k - 1)
    weights = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    best = (b * weights).sum(axis=1) / weights.sum(axis=1)
    raw_k = np.log1p(-best[:, None] * exceedances).sum(axis=1) / sizes
    return (sizes * raw_k + 5) / (sizes + 10), -raw_k / best


def _generalised_pareto_quantile(
    probability: Float[np.ndarray, "rows tail"],
    k: Float[np.ndarray, " rows"],
    scale: Float[np.ndarray, " rows"],
) -> Float[np.ndarray, "rows tail"]:
    log_survival, k, scale = np.log1p(-probability), k[:, None], scale[:, None]
    small = np.abs(k) < 1e-12
    return scale * np.where(
        small, -log_survival, np.expm1(-k * log_survival) / np.where(small, 1, k)
    )
