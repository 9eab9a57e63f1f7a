"""Posterior predictive check: do replicated observations look like the one that was made?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from retrodict.diagnostics.arguments import (
    MIN_DRAWS,
    Json,
    by_name,
    finite_array,
    parameter_names,
)
from retrodict.errors import ConfigurationError, NonFiniteError, ShapeError, TooFewRowsError
from retrodict.variables import default_variables, names_of

Statistic = Callable[[np.ndarray], np.ndarray]

LEVEL = 0.01
BLOCK_ELEMENTS = 2**22  # observables handed to a statistic at once
VISIBLE_DEVIATION = 2.0  # standard errors from which a deviation is given a direction
_TIE = 1e-9
_SUMMARIES: dict[str, Statistic] = {
    "mean": lambda y: y.mean(axis=-1),
    "sd": lambda y: y.std(axis=-1),
    "min": lambda y: y.min(axis=-1),
    "max": lambda y: y.max(axis=-1),
}


@dataclass(frozen=True)
class PosteriorPredictiveCheck:
    """Where each observed statistic lies among those of its replications.

    Attributes:
        replicated: statistic of each replication.
        observed: statistic of each observation.
        upper_p_values: share of replications with at least the observed statistic.
        p_values: per statistic: two-sided for one observation; over many, of the observations
            together.
        p_value: of all statistics together.
        names: of the statistics.
    """

    replicated: Float[np.ndarray, "observations draws statistics"]
    observed: Float[np.ndarray, "observations statistics"]
    upper_p_values: Float[np.ndarray, "observations statistics"]
    p_values: Float[np.ndarray, " statistics"]
    p_value: float
    names: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """No statistic is beyond chance, at 1 % together."""
        return self.p_value > LEVEL

    @property
    def two_sided(self) -> Float[np.ndarray, "observations statistics"]:
        """p-value of each observation and statistic by itself."""
        num_draws = self.replicated.shape[1]
        return _two_sided(self.upper_p_values, num_draws)

    @property
    def finding(self) -> str:
        """Empty where it passed, else the statistic that is worst off, and how."""
        if self.passed:
            return ""
        sds = self.replicated.std(axis=1)
        deviations = np.abs(self.observed - self.replicated.mean(axis=1))
        typical = np.divide(deviations, sds, out=np.zeros_like(sds), where=sds > 0).mean(axis=0)
        worst = int(np.lexsort([-typical, self.p_values])[0])
        upper = self.upper_p_values[:, worst]
        excess = 0.5 - float(upper.mean())
        standard_error = max(float(upper.std()), 12**-0.5) / np.sqrt(len(upper))
        if len(upper) > 1 and abs(excess) < VISIBLE_DEVIATION * standard_error:
            return f"`{self.names[worst]}` is more extreme than replicated, in both directions"
        return f"`{self.names[worst]}` is {'larger' if excess > 0 else 'smaller'} than replicated"

    def to_dict(self) -> Json:
        return {
            "passed": self.passed,
            "p_value": self.p_value,
            "p_values": by_name(self.names, self.p_values),
            "finding": self.finding,
            "num_observations": len(self.observed),
            "num_draws": self.replicated.shape[1],
        }

    def __str__(self) -> str:
        num = len(self.observed)
        whose = "the observation" if num == 1 else f"{num} observations"
        looked_at = f"{len(self.names)} statistic{'s' if len(self.names) > 1 else ''}"
        if self.passed:
            return (
                f"Replications look like {whose} in {looked_at} (p = "
                f"{self.p_value:.2g}; such p-values are cautious, since the posterior has seen "
                "what it is compared with)."
            )
        return (
            f"Replications do not look like {whose}: {self.finding} (p = {self.p_value:.2g} over "
            f"{looked_at}); the simulator or the prior misses something, or the "
            "posterior is wrong."
        )


def posterior_predictive_check(
    replicated: ArrayLike,
    observed: ArrayLike,
    statistics: Mapping[str, Statistic] | None = None,
    *,
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> PosteriorPredictiveCheck:
    """Compare statistics of observations with those of replications (Gelman et al. 1996).

    A replication is simulated, noise included, from one posterior draw. The posterior
    predictive p-value is the share of replications whose statistic is at least the observed
    one (Statistica Sinica 6, 733); equal ones are split at random, the observation counts.

    The posterior was conditioned on what is checked, so that under a true model these p-values
    gather around 1/2: they are smaller in convex order than uniform ones (Meng 1994,
    doi:10.1214/aos/1176325622). A test of uniformity would therefore reject exact posteriors.
    For one observation the p-value of all statistics together is that of the largest
    standardised deviation. For many, two tests that this order makes cautious are made per
    statistic: of the mean p-value (normal), which sees a shift, and Fisher's of the two-sided
    p-values, which sees extremes; the p-value is twice the smaller, and all statistics
    together are corrected by Bonferroni. What passes may still be wrong.

    Args:
        replicated: one replication per posterior draw, (observations, draws, cond), or
            (draws, cond) for a single observation.
        observed: what the posteriors were conditioned on, (observations, cond) or (cond,).
        statistics: functions by name that reduce the last axis of an array, (..., cond) to
            (...); by default each observable by itself and, for two observables or more, their
            mean, standard deviation, minimum and maximum.
        names: of the observables, for the default statistics; `y1 ... yN` by default.
        seed: of the split of ties.

    Raises:
        NonFiniteError: NaN or infinity among the arguments or the values of a statistic.
        ShapeError: arguments that do not agree, or a statistic that does not give one number per
            observation.
        TooFewRowsError: so few replications that no p-value could be 1 %.
        ConfigurationError: no statistic, or names that do not fit.
    """
    simulated, seen = _replicated_and_observed(replicated, observed)
    num_observations, num_draws, num_observables = simulated.shape
    if statistics is None:
        functions = _default_statistics(names, num_observables)
    elif names is not None:
        raise ConfigurationError(
            "`names` are those of the observables in the default statistics; `statistics` has its "
            "own.",
            "Leave out one of the two.",
        )
    else:
        functions = dict(statistics)
    if not functions:
        raise ConfigurationError("There is no statistic to compare.", "Give at least one.")
    _require_power(num_observations, num_draws, len(functions))
    again = np.stack([_values(f, simulated, k) for k, f in functions.items()], axis=-1)
    once = np.stack([_values(f, seen, k) for k, f in functions.items()], axis=-1)
    above = (again > once[:, None]).sum(axis=1)
    equal = (again == once[:, None]).sum(axis=1)
    split = np.random.default_rng(seed).integers(0, equal + 1)
    upper = (1 + above + split) / (1 + num_draws)
    if num_observations == 1:
        p_values = _two_sided(upper, num_draws)[0]
        p_value = _p_value_of_one(again[0], once[0])
    else:
        p_values = _p_values_of_many(upper, num_draws)
        p_value = min(1.0, float(p_values.min()) * len(functions))
    return PosteriorPredictiveCheck(again, once, upper, p_values, p_value, tuple(functions))


def _replicated_and_observed(
    replicated: ArrayLike, observed: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    simulated, seen = np.asarray(replicated), np.asarray(observed)
    if simulated.ndim == 2 and seen.ndim == 1:
        simulated, seen = simulated[None], seen[None]
    simulated = finite_array("replicated", simulated, ("observations", "draws", "cond"))
    seen = finite_array("observed", seen, ("observations", "cond"))
    if seen.shape != (simulated.shape[0], simulated.shape[2]):
        raise ShapeError(
            f"`replicated` of shape {simulated.shape} (observations, draws, cond) needs "
            f"`observed` of shape {(simulated.shape[0], simulated.shape[2])}; got {seen.shape}.",
            "Give one observation per set of replications, in the same order.",
        )
    return simulated, seen


def _default_statistics(names: Sequence[str] | None, num_observables: int) -> dict[str, Statistic]:
    summaries = _SUMMARIES if num_observables > 1 else {}
    columns = names_of(default_variables("y", num_observables)) if names is None else names
    columns = parameter_names(columns, num_observables)
    if len({*summaries, *columns}) < len(summaries) + num_observables:
        raise ConfigurationError(
            f"The observables need names that differ from each other and from "
            f"{', '.join(summaries)}; got {list(columns)}.",
            "Rename them, or give `statistics` of your own.",
        )

    def column(i: int) -> Statistic:
        return lambda y: y[..., i]

    return {**summaries, **{name: column(i) for i, name in enumerate(columns)}}


def _require_power(num_observations: int, num_draws: int, num_statistics: int) -> None:
    """Refuses a test whose p-value could not be as small as its level."""
    from scipy.stats import chi2

    if num_observations == 1:
        smallest = 1 / (1 + num_draws)
    else:
        extreme = np.array(2 / (1 + num_draws))
        smallest = 2 * num_statistics * chi2.sf(
            -2 * num_observations * np.log(extreme), 2 * num_observations
        )  # fmt: skip
    if smallest > LEVEL or num_draws < MIN_DRAWS:
        raise TooFewRowsError(
            f"{num_draws} replications of {num_observations} observations cannot answer: with "
            f"{num_statistics} statistics no p-value could be smaller than {smallest:.2g}, and "
            f"at least {MIN_DRAWS} replications are needed.",
            "Simulate more replications; 1,000 per observation answer well.",
        )


def _values(statistic: Statistic, y: np.ndarray, name: str) -> np.ndarray:
    """The statistic of each row, some observations at a time.

    Raises:
        ShapeError: not one number per row.
        NonFiniteError: NaN or infinity.
    """
    step = max(1, BLOCK_ELEMENTS // (y[0].size))
    blocks = [y[begin : begin + step] for begin in range(0, len(y), step)]
    parts = [np.asarray(statistic(block)) for block in blocks]
    for block, part in zip(blocks, parts, strict=True):
        if part.shape != block.shape[:-1]:
            raise ShapeError(
                f"Statistic `{name}` must give one number per observation: from shape "
                f"{block.shape} the shape {block.shape[:-1]}; got {part.shape}.",
                "Reduce the last axis only, e.g. `lambda y: y.mean(axis=-1)`.",
            )
    values = np.concatenate(parts).astype(float)
    num_bad = values.size - int(np.isfinite(values).sum())
    if num_bad:
        raise NonFiniteError(
            f"Statistic `{name}` gave {num_bad} NaN or infinite values among {values.size}.",
            "Define it for every possible observation, e.g. guard a logarithm or a ratio.",
        )
    return values


def _two_sided(upper: np.ndarray, num_draws: int) -> np.ndarray:
    lower = 1 + 1 / (1 + num_draws) - upper
    return np.asarray(np.minimum(2 * np.minimum(upper, lower), 1.0))


def _p_value_of_one(replicated: np.ndarray, observed: np.ndarray) -> float:
    """Of the largest standardised deviation, over statistics, among those of replications."""
    values = np.concatenate([observed[None], replicated])
    deviations = np.abs(values - values.mean(axis=0))
    sds = values.std(axis=0)
    standardised = np.divide(deviations, sds, out=np.zeros_like(deviations), where=sds > 0)
    largest = standardised.max(axis=1)
    return float((largest >= largest[0] * (1 - _TIE)).mean())


def _p_values_of_many(upper: np.ndarray, num_draws: int) -> np.ndarray:
    """Per statistic: twice the smaller p-value of a shift and of too many extremes."""
    from scipy.stats import chi2, norm

    num = len(upper)
    possible = np.arange(1, num_draws + 2) / (num_draws + 1)
    shift = np.abs(upper.mean(axis=0) - possible.mean()) / (possible.std() / np.sqrt(num))
    fisher = -2 * np.log(_two_sided(upper, num_draws)).sum(axis=0)
    smaller = np.minimum(2 * norm.sf(shift), chi2.sf(fisher, 2 * num))
    return np.asarray(np.minimum(2 * smaller, 1.0))
