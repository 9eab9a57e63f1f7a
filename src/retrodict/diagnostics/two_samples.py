"""Two-sample tests under one name: the classical ones, column by column, and MMD."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import Json, by_name, finite_array, parameter_names
from retrodict.diagnostics.exponents import exponents
from retrodict.diagnostics.permutation_test import LEVEL, mmd_test
from retrodict.errors import ConfigurationError, ShapeError, TooFewRowsError

Method = Literal["z", "wilcoxon", "kolmogorov-smirnov", "mmd"]
MIN_DRAWS = 10

_JOINT = "all columns"
_LOOKS_AT = {
    "z": "means",
    "wilcoxon": "ranks",
    "kolmogorov-smirnov": "distribution functions",
    "mmd": "joint distributions",
}


@dataclass(frozen=True)
class TwoSampleTest:
    """Whether two samples come from one distribution, as one test sees it.

    Attributes:
        method: of `two_sample_test`.
        names: what was tested: columns, or all of them at once.
        statistics: of each; z-scores for `z` and `wilcoxon`, the largest difference of the
            distribution functions, or unbiased MMD^2.
        p_values: of each by itself.
        num_first, num_second: sample sizes.
    """

    method: Method
    names: tuple[str, ...]
    statistics: Float[np.ndarray, " tests"]
    p_values: Float[np.ndarray, " tests"]
    num_first: int
    num_second: int

    @property
    def adjusted_p_values(self) -> Float[np.ndarray, " tests"]:
        """Such that any is at most a with probability at most a, if all are null (Holm 1979)."""
        order = np.argsort(self.p_values, kind="stable")
        stepped = self.p_values[order] * np.arange(len(order), 0, -1)
        adjusted = np.empty(len(order))
        adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
        return adjusted

    @property
    def p_value(self) -> float:
        """The smallest adjusted one: of the samples as a whole."""
        return float(self.adjusted_p_values.min())

    @property
    def passed(self) -> bool:
        """No difference is seen, at 1 %."""
        return self.p_value > LEVEL

    def to_dict(self) -> Json:
        return {
            "passed": self.passed,
            "method": self.method,
            "p_value": self.p_value,
            "statistics": by_name(self.names, self.statistics),
            "adjusted_p_values": by_name(self.names, self.adjusted_p_values),
            "num_first": self.num_first,
            "num_second": self.num_second,
        }

    def __str__(self) -> str:
        compared = _LOOKS_AT[self.method]
        if self.passed:
            return (
                f"The {compared} of {self.num_first} and {self.num_second} draws agree within "
                f"chance ({self.method} test, p = {self.p_value:.2g})."
            )
        adjusted = self.adjusted_p_values
        order = np.argsort(adjusted, kind="stable")
        where = ", ".join(self.names[i] for i in order[:5] if adjusted[i] <= LEVEL)
        return (
            f"The {compared} of {self.num_first} and {self.num_second} draws differ in {where} "
            f"({self.method} test, p = {self.p_value:.2g})."
        )


def two_sample_test(
    first: ArrayLike,
    second: ArrayLike,
    *,
    method: Method = "mmd",
    names: Sequence[str] | None = None,
    num_permutations: int = 999,
    random_state: int = 0,
) -> TwoSampleTest:
    """Test whether two independent samples come from one distribution.

    - `z`: (mean x - mean y) / sqrt(var x / n + var y / m) against the normal. Sees means.
    - `wilcoxon`: the rank-sum test (Wilcoxon 1945; Mann and Whitney 1947), normal approximation
      with correction for ties. Sees that one sample tends to be larger.
    - `kolmogorov-smirnov`: the largest difference of the empirical distribution functions.
      Sees any difference of one column, most of all in the middle.
    - `mmd`: `mmd_test` with a Gaussian kernel, columns divided by their pooled standard
      deviation. Sees any difference of the joint distribution.

    The first three look at each column by itself, with p-values adjusted for their number
    (Holm), and cannot see a difference of correlations alone.

    Args:
        first: (draws, dim), or (draws,) for a single column.
        second: as many columns; the number of draws may differ.
        method: one of the four.
        names: of the columns; `x1 ... xN` by default.
        num_permutations: of `mmd`.
        random_state: of the permutations of `mmd`.

    Raises:
        NonFiniteError, ShapeError, TooFewRowsError: arguments that cannot be compared.
        ConfigurationError: another method.
    """
    if method not in get_args(Method):
        raise ConfigurationError(
            f"Unknown two-sample test {method!r}.", f"Choose one of {', '.join(get_args(Method))}."
        )
    x, y = _sample("first", first), _sample("second", second)
    if x.shape[1] != y.shape[1]:
        raise ShapeError(
            f"Both samples need the same columns; got shapes {x.shape} and {y.shape}.",
            "Compare the same variables.",
        )
    if min(len(x), len(y)) < MIN_DRAWS:
        raise TooFewRowsError(
            f"At least {MIN_DRAWS} draws on each side are needed; got {len(x)} and {len(y)}.",
            "Draw more.",
        )
    columns = parameter_names(names, x.shape[1])
    # No test depends on the units, and the squares of huge values would be infinite.
    size = exponents(x, y)
    x, y = np.ldexp(x, -size), np.ldexp(y, -size)
    if method == "mmd":
        scale = np.concatenate([x, y]).std(axis=0)
        scale[scale == 0] = 1.0
        found = mmd_test(
            x / scale, y / scale, num_permutations=num_permutations, random_state=random_state
        )
        columns = columns if len(columns) == 1 else (_JOINT,)
        statistics, p_values = np.array([found.squared]), np.array([found.p_value])
    else:
        statistics, p_values = _CLASSICAL[method](x, y)
    return TwoSampleTest(method, columns, statistics, p_values, len(x), len(y))


def _sample(name: str, values: ArrayLike) -> np.ndarray:
    array = np.asarray(values)
    array = array[:, None] if array.ndim == 1 else array
    return finite_array(name, array, ("draws", "dim")).astype(float)


def _z(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.stats import norm

    difference = x.mean(axis=0) - y.mean(axis=0)
    error = np.sqrt(x.var(axis=0, ddof=1) / len(x) + y.var(axis=0, ddof=1) / len(y))
    # Two constant columns: equal, or infinitely many standard errors apart.
    apart = np.where(difference == 0, 0.0, np.copysign(np.inf, difference))
    scores = np.divide(difference, error, out=apart, where=error > 0)
    return scores, 2 * norm.sf(np.abs(scores))


def _wilcoxon(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.stats import norm, rankdata

    n, m = len(x), len(y)
    ranks = rankdata(np.concatenate([x, y]), axis=0)
    difference = ranks[:n].sum(axis=0) - n * (n + m + 1) / 2
    # The variance of ranks drawn without replacement holds with ties as well.
    error = np.sqrt(n * m / (n + m) * ranks.var(axis=0, ddof=1))
    scores = np.divide(difference, error, out=np.zeros_like(difference), where=error > 0)
    return scores, 2 * norm.sf(np.abs(scores))


def _kolmogorov_smirnov(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.stats import ks_2samp

    results = [ks_2samp(a, b) for a, b in zip(x.T, y.T, strict=True)]
    statistics, p_values = ([r.statistic for r in results], [r.pvalue for r in results])
    return np.array(statistics), np.array(p_values)


_CLASSICAL: dict[str, Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    "z": _z,
    "wilcoxon": _wilcoxon,
    "kolmogorov-smirnov": _kolmogorov_smirnov,
}
