"""How odd observations are by four measures, and how odd that is among held-out ones."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float

from retrodict.diagnostics.misspecification import TESTS
from retrodict.diagnostics.observation_density import ObservationDensity
from retrodict.errors import ConstantColumnError

MAX_ROWS = 10_000
MAX_UNSEEN = 2_000
_SMALLEST_SCATTER = 1e-6
_SINGLE_PRECISION = 1e-6


@dataclass(frozen=True)
class Oddness:
    """Four measures of how odd observations are, and each observable given the others.

    Attributes:
        measures: in the order of `TESTS`; the larger the odder.
        expected, expected_sds: of each observable given the others, in its own unit.
        z_scores: (observed - expected) / sd, for columns made symmetric.
        scatter: root of the sum of squared z-scores, relative to its median in training.
    """

    measures: Float[np.ndarray, "observations tests"]
    expected: Float[np.ndarray, "observations cond"]
    expected_sds: Float[np.ndarray, "observations cond"]
    z_scores: Float[np.ndarray, "observations cond"]
    scatter: Float[np.ndarray, " observations"]


@dataclass(frozen=True)
class TypicalState:
    """What is typical: the density, and how odd held-out observations are under it.

    Attributes:
        density: of the observables that vary.
        constant: the value of those that do not, NaN for the others.
        typical: quantiles of each observable.
        usual_scatter: 5 %, 50 % and 95 % quantile of the root of the sum of squared z-scores.
        ranking: the four measures of held-out observations, each sorted.
        combining: `combined` p-values of the other held-out observations, sorted.
        z_limits: what the largest |z| stays below, by observable.
    """

    density: ObservationDensity
    constant: Float[np.ndarray, " cond"]
    typical: Float[np.ndarray, "3 cond"]
    usual_scatter: Float[np.ndarray, "3"]
    ranking: Float[np.ndarray, "ranked tests"]
    combining: Float[np.ndarray, " combined"]
    z_limits: Float[np.ndarray, " cond"]

    @classmethod
    def fit(
        cls,
        rows: np.ndarray,
        ranking: np.ndarray,
        combining: np.ndarray,
        level: float,
        random_state: int,
    ) -> "TypicalState":
        """Learn a density from `rows`, then rank among the others.

        Args:
            rows: (rows, cond); a fifth, at most 2,000, choose the density's size, at most
                10,000 of the rest its shape.
            ranking: held-out observations among which the four measures are ranked.
            combining: others, among which the smallest p-value is.
            level: for `z_limits`.
            random_state: of the density's start.

        Raises:
            ConstantColumnError: no observable varies.
        """
        num_unseen = min(len(rows) // 5, MAX_UNSEEN)
        unseen, seen = rows[:num_unseen], rows[num_unseen:][:MAX_ROWS]
        varies = np.ptp(seen, axis=0) > 0
        if not varies.any():
            raise ConstantColumnError(
                f"None of the {rows.shape[1]} observables varies in training.",
                "An observation can be typical only of something.",
            )
        density = ObservationDensity.fit(seen[:, varies], unseen[:, varies], random_state)
        start = cls(
            density=density,
            constant=np.where(varies, np.nan, seen[0]),
            typical=np.quantile(seen, [0.025, 0.5, 0.975], axis=0),
            usual_scatter=np.array([0.5, 1.0, 2.0]),
            ranking=np.empty((0, len(TESTS))),
            combining=np.empty(0),
            z_limits=np.empty(len(varies)),
        )
        parts = {field.name: getattr(start, field.name) for field in fields(start)}
        # Of rows that the density has not seen, which are not ranked among either.
        scatter = np.maximum(start.measured(unseen).scatter, _SMALLEST_SCATTER)
        parts["usual_scatter"] = np.quantile(scatter, [0.05, 0.5, 0.95])
        measured = cls(**parts).measured(ranking)
        parts["ranking"] = np.sort(measured.measures, axis=0)
        others = cls(**parts).measured(combining).measures
        parts["combining"] = np.sort(combined(parts["ranking"], others))
        parts["z_limits"] = _limits(np.abs(measured.z_scores), level)
        return cls(**parts)

    def measured(self, y: Float[np.ndarray, "observations cond"]) -> Oddness:
        """How odd observations are; infinitely where a constant observable is another."""
        varies = np.isnan(self.constant)
        density, own = self.density, y[:, varies]
        u, z = density.transformed(own), density.components(own)
        inside, outside = density.squared_distances(z)
        means, sds = density.given_the_others(u)
        scores = (u - means) / sds

        # A value that was simulated in single precision may be typed in full.
        same = np.abs(y - self.constant) <= _SINGLE_PRECISION * np.abs(self.constant)
        other_value = ~varies & ~same
        z_scores = np.where(other_value, np.inf, 0.0)
        z_scores[:, varies] = scores
        expected = np.where(varies, 0.0, self.constant) + np.zeros_like(y)
        expected[:, varies] = density.restored(means)
        spread = np.zeros_like(y)
        upper, lower = density.restored(means + sds), density.restored(means - sds)
        spread[:, varies] = (upper - lower) / 2

        scatter = np.sqrt((scores**2).sum(axis=1))
        low, usual, high = self.usual_scatter
        # An observation may be just what was expected, and most of training alike.
        above = np.log(np.maximum(scatter, _SMALLEST_SCATTER) / usual)
        to_high = max(np.log(high / usual), _SMALLEST_SCATTER)
        to_low = max(np.log(usual / low), _SMALLEST_SCATTER)
        too_small = -above / to_low if low > usual / 2 else -np.inf
        atypical = np.maximum(above / to_high, too_small)
        measures = np.stack(
            [
                -density.log_density(z),
                atypical,
                inside + outside,
                np.abs(scores).max(axis=1),
            ],
            axis=1,
        )
        broken = other_value.any(axis=1)
        measures[broken] = np.inf
        scatter = np.where(broken, np.inf, scatter / usual)
        return Oddness(measures, expected, spread, z_scores, scatter)


def conformal(
    held_out: Float[np.ndarray, "held_out tests"], oddness: Float[np.ndarray, "observations tests"]
) -> Float[np.ndarray, "observations tests"]:
    """(1 + number of held-out ones at least as odd) / (1 + their number).

    Measures that differ by rounding are equal: of one observation among many the last digits are
    others than of the same by itself, and of labels or counts many are the same.
    """
    num = len(held_out)
    at_least = [
        num - np.searchsorted(column, values - _rounding(values), side="left")
        for column, values in zip(held_out.T, oddness.T, strict=True)
    ]
    return (1 + np.stack(at_least, axis=1)) / (1 + num)


def combined(
    held_out: Float[np.ndarray, "held_out tests"], oddness: Float[np.ndarray, "observations tests"]
) -> Float[np.ndarray, " observations"]:
    """How odd the smallest p-value is.

    Observations beyond all held-out ones share the smallest p-value that there can be: among
    them it decides how far beyond, in distances of the largest held-out one from the median.
    Among other equals the sum of all p-values decides.
    """
    p_values = conformal(held_out, oddness)
    usual, largest = np.median(held_out, axis=0), held_out[-1]
    with np.errstate(invalid="ignore"):
        excess = (oddness - largest) / np.maximum(largest - usual, _SMALLEST_SCATTER)
    farthest = np.where(oddness > largest + _rounding(largest), excess, 0).max(axis=1)
    beyond = (1 - 1 / (1 + farthest)) / (1 + len(held_out))
    return beyond - p_values.min(axis=1) - 1e-6 * p_values.sum(axis=1)


def _rounding(values: np.ndarray) -> np.ndarray:
    """By how much measures may differ that are equal; also of infinite ones a finite number."""
    return 1e-9 * (1 + np.minimum(np.abs(values), 1e300))


def _limits(z: Float[np.ndarray, "held_out cond"], level: float) -> Float[np.ndarray, " cond"]:
    """The (1 - level / cond) quantile of each column, or its maximum where rows are too few."""
    num, cond = z.shape
    place = min(int(np.ceil((num + 1) * (1 - level / cond))), num)
    return np.sort(z, axis=0)[place - 1]
