"""Misspecification: is an observation like those that the model was trained on?"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from retrodict.diagnostics.arguments import Json, by_name

TESTS = ("density", "typicality", "distance", "surprise")
_MOST_NAMED = 3


@dataclass(frozen=True)
class Misspecification:
    """Whether observations could be further ones of the training distribution.

    Attributes:
        p_values: of each observation as a whole: with what probability a training observation
            would be as odd; exact for exchangeable observations (conformal).
        test_p_values: of each of the four tests by itself, in the order of `TESTS`.
        observed: the observations tested.
        expected, expected_sds: of each observable given all others, in its own unit.
        z_scores: (observed - expected) / sd, for columns made symmetric; infinite where a
            column that was constant in training has another value.
        z_limits: what |z| of a training observation stays below for all observables together.
        scatter: root of the sum of squared z-scores, relative to its median in training:
            2 where the observables disagree twice as much as they should.
        typical: 2.5 %, 50 % and 97.5 % quantile of each observable in training.
        names: of the observables.
        level: share of training observations that are called odd.
        num_held_out: how many observations the p-values are ranks among.
    """

    p_values: Float[np.ndarray, " observations"]
    test_p_values: Float[np.ndarray, "observations tests"]
    observed: Float[np.ndarray, "observations cond"]
    expected: Float[np.ndarray, "observations cond"]
    expected_sds: Float[np.ndarray, "observations cond"]
    z_scores: Float[np.ndarray, "observations cond"]
    z_limits: Float[np.ndarray, " cond"]
    scatter: Float[np.ndarray, " observations"]
    typical: Float[np.ndarray, "3 cond"]
    names: tuple[str, ...]
    level: float
    num_held_out: int

    @property
    def is_odd(self) -> Bool[np.ndarray, " observations"]:
        """p at most `level`."""
        return self.p_values <= self.level

    @property
    def odd_observables(self) -> Bool[np.ndarray, "observations cond"]:
        """Those that stand out in the observations that are odd."""
        return self.is_odd[:, None] & (np.abs(self.z_scores) > self.z_limits)

    @property
    def batch_p_value(self) -> float:
        """Probability that as many training observations or more would be called odd.

        All are ranked among the same n held-out ones, so that the number of odd ones among
        N has the beta-binomial distribution with a = floor(level (n + 1)) and n + 1 - a.
        """
        from scipy.stats import betabinom

        num, a = len(self.p_values), int(self.level * (self.num_held_out + 1) + 1e-9)
        return float(betabinom.sf(int(self.is_odd.sum()) - 1, num, a, self.num_held_out + 1 - a))

    @property
    def passed(self) -> bool:
        """No more observations are odd than by chance, at `level`; a single one is not."""
        return self.batch_p_value > self.level

    def reasons(self, row: int) -> str:
        """What is odd about one observation, in words; empty where nothing is."""
        if not self.is_odd[row]:
            return ""
        odd = np.flatnonzero(self.odd_observables[row])
        odd = odd[np.argsort(-np.abs(self.z_scores[row, odd]), kind="stable")]
        if odd.size:
            listed = [self._surprise(row, int(j)) for j in odd[:_MOST_NAMED]]
            more = f" (and {odd.size - _MOST_NAMED} more)" if odd.size > _MOST_NAMED else ""
            return "; ".join(listed) + more
        scatter = self.scatter[row]
        if self.test_p_values[row, TESTS.index("typicality")] <= self.level:
            than, cause = ("less", "smoother") if scatter < 1 else ("more", "noisier")
            return (
                f"no observable stands out, but together they scatter {than} around what the "
                f"others suggest, by a factor of {scatter:.2g}: {cause} than in training"
            )
        return "no observable stands out, but their combination hardly occurs in training"

    def to_dict(self) -> Json:
        """Plain numbers; an infinite z-score is None."""
        return {
            "passed": self.passed,
            "batch_p_value": self.batch_p_value,
            "num_odd": int(self.is_odd.sum()),
            "level": self.level,
            "num_held_out": self.num_held_out,
            "observations": [self._row_to_dict(row) for row in range(len(self.p_values))],
        }

    def __str__(self) -> str:
        num = len(self.p_values)
        oddest = int(np.lexsort((-np.abs(self.z_scores).max(axis=1), self.p_values))[0])
        if num == 1:
            if self.passed:
                return f"The observation is like those of training ({_p(self.p_values[0])})."
            return (
                f"The observation is unlike those of training ({_p(self.p_values[0])}): "
                f"{self.reasons(0)}. {_ADVICE}"
            )
        num_odd = int(self.is_odd.sum())
        found = (
            f"{num_odd} of {num} observations ({num_odd / num:.0%}) are unlike those of training, "
            f"where {self.level:.0%} would be by chance"
        )
        if self.passed:
            return f"{found}: no more than that ({_p(self.batch_p_value)})."
        # One broken sensor makes those surprising that it should agree with, but less so.
        size = np.where(self.odd_observables, np.abs(self.z_scores), 0)
        first = np.bincount(size.argmax(axis=1)[size.any(axis=1)], minlength=len(self.names))
        most = int(first.argmax())
        named = f"`{self.names[most]}` stands out in {first[most]} of them; " if first.any() else ""
        return (
            f"{found} ({_p(self.batch_p_value)}); {named}the oddest is row {oddest}: "
            f"{self.reasons(oddest)}. {_ADVICE}"
        )

    def _surprise(self, row: int, j: int) -> str:
        name, value = self.names[j], self.observed[row, j]
        if self.expected_sds[row, j] == 0:
            return f"`{name}` is {value:.4g} where it always was {self.expected[row, j]:.4g}"
        expected, sd = _rounded_together(self.expected[row, j], self.expected_sds[row, j])
        return f"`{name}` is {value:.4g} where {expected} +- {sd} was expected given the rest"

    def _row_to_dict(self, row: int) -> Json:
        z = [float(z) if np.isfinite(z) else None for z in self.z_scores[row]]
        return {
            "p_value": float(self.p_values[row]),
            "odd": bool(self.is_odd[row]),
            "tests": dict(zip(TESTS, self.test_p_values[row].tolist(), strict=True)),
            "scatter": float(self.scatter[row]) if np.isfinite(self.scatter[row]) else None,
            "z_scores": dict(zip(self.names, z, strict=True)),
            "expected": by_name(self.names, self.expected[row]),
            "expected_sds": by_name(self.names, self.expected_sds[row]),
            "reasons": self.reasons(row),
        }


_ADVICE = (
    "Check instrument and units; if they are right, the simulator lacks something, and its "
    "posterior for this is an extrapolation."
)


def _p(value: float) -> str:
    return f"p = {value:.2g}" if value > 1e-12 else "p < 1e-12"


def _rounded_together(value: float, sd: float) -> tuple[str, str]:
    """Value and standard deviation with two digits of the deviation: 1.20 and 0.31."""
    decimals = 1 - int(np.floor(np.log10(sd)))
    if -4 <= decimals <= 8:
        places = max(decimals, 0)
        return f"{round(value, decimals):.{places}f}", f"{round(sd, decimals):.{places}f}"
    return f"{value:.4g}", f"{sd:.2g}"
