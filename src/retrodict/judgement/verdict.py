"""One answer, with reasons, from all tests of calibration together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from sklearn.base import clone

from retrodict.diagnostics.arguments import (
    MIN_OBSERVATIONS,
    Json,
    draws_and_truth,
    finite_array,
    parameter_names,
)
from retrodict.errors import (
    ConfigurationError,
    ConstantColumnError,
    ShapeError,
    TooFewRowsError,
)
from retrodict.judgement.detectable import Detectable, detectable
from retrodict.judgement.evidence import Evidence, gather
from retrodict.judgement.prior_range import cut_offs
from retrodict.judgement.reasons import reasons_of, without_echoes
from retrodict.judgement.remedies import Projected, remedies
from retrodict.judgement.trust import Trust
from retrodict.repair import ConformalCalibration
from retrodict.repair.bounds import checked_bounds, require_within

LEVEL = 0.02
SIGN_OF_MARGINAL_ERROR = 0.05


@dataclass(frozen=True)
class Verdict:
    """Whether posteriors can be believed, why, and what to do.

    Attributes:
        trust: the answer.
        evidence: the tests it rests on.
        reasons: what was found to be wrong, in words.
        remedies: what is most likely to help, the most promising first; empty where nothing is
            wrong.
        repair: what makes the posterior calibrated: `repair.apply(draws)` for draws of new
            observations; None unless the answer is "trust with repair".
        detectable: how large an error would have been found.
        level: probability that an exact posterior is not trusted.
        num_observations: that were tested.
    """

    trust: Trust
    evidence: tuple[Evidence, ...]
    reasons: tuple[str, ...]
    remedies: tuple[str, ...]
    repair: ConformalCalibration | None
    detectable: Detectable
    level: float
    num_observations: int

    @property
    def passed(self) -> bool:
        """The posterior can be trusted as it is."""
        return self.trust is Trust.YES

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        if self.trust is Trust.YES:
            return f"Trust: {self.detectable}"
        if self.trust is Trust.WITH_REPAIR:
            return (
                "Trust with repair: the posterior is not calibrated as it is; recalibrated on "
                "three quarters of the observations, it passed every test on the others."
            )
        return (
            "Do not trust: the posterior is not calibrated, and was not repaired by recalibration."
        )

    def to_dict(self) -> Json:
        return {
            "verdict": self.trust.value,
            "passed": self.passed,
            "reasons": list(self.reasons),
            "remedies": list(self.remedies),
            "evidence": [piece.to_dict() for piece in self.evidence],
            "detectable": self.detectable.to_dict(),
            "level": self.level,
            "num_observations": self.num_observations,
        }

    def __str__(self) -> str:
        lines = [self.headline]
        lines += [f"- {reason}" for reason in self.reasons]
        if self.remedies:
            lines.append("What is most likely to help:")
            lines += [f"{i}. {remedy}" for i, remedy in enumerate(self.remedies, 1)]
        return "\n".join(lines)


def verdict(
    draws: ArrayLike,
    truth: ArrayLike,
    observations: ArrayLike | None = None,
    *,
    log_prob_of_draws: ArrayLike | None = None,
    log_prob_of_truth: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    observable_names: Sequence[str] | None = None,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    history: pd.DataFrame | None = None,
    projection: Projected | None = None,
    level: float = LEVEL,
    seed: int = 0,
) -> Verdict:
    """Tells whether posteriors of any method, as plain arrays, can be believed.

    Four tests, as far as the arrays allow: of each parameter by itself
    (`simulation_based_calibration`), of all together (`joint_calibration`), of every kind of
    observation (`conditional_calibration`), of regions of highest density
    (`expected_coverage`). Their p-values are corrected for their number by a weighted
    Bonferroni correction (weights .4, .25, .2, .15), so that an exact posterior fails with at
    most `level`.

    If any fails, and the parameters one by one give a sign of error (p below .05), three
    quarters of the observations recalibrate each parameter (`repair.ConformalCalibration`) and
    the others are tested again: posteriors that pass can be trusted with that repair.

    Args:
        draws: independent posterior draws, (observations, draws, dim); thin Markov chains first.
        truth: the causes that made the observations, (observations, dim), drawn from the prior.
        observations: what was observed, (observations, cond).
        log_prob_of_draws: of each draw under its posterior, (observations, draws).
        log_prob_of_truth: of each true cause under its posterior, (observations,).
        names: of the parameters; `x1 ... xN` by default.
        observable_names: of the observables; `y1 ... yN` by default.
        lower: bounds of the parameters, that draws and true values lie within and repaired
            draws stay within.
        upper: likewise.
        history: of training, with `validation_loss` per epoch; tells more about remedies.
        projection: how many simulations are enough, e.g. `learning_curve(...).projection`;
            is told where more of them are a remedy.
        level: probability that an exact posterior is not trusted.
        seed: of ranks among ties and of the split for the repair.

    Raises:
        NonFiniteError, ShapeError, TooFewRowsError, ConstantColumnError, ConfigurationError,
            OutOfBoundsError: arguments that cannot answer the question.
    """
    if not 0 < level < 1:
        raise ConfigurationError(
            f"`level` is a probability between 0 and 1; got {level}.", "Use 0.02."
        )
    draws, truth = draws_and_truth(draws, truth)
    bounds = checked_bounds(lower, upper, truth.shape[1])
    listed = parameter_names(names, truth.shape[1])
    require_within("truth", truth, bounds, listed)
    require_within("draws", draws, bounds, listed)
    if observations is not None:
        observations = finite_array("observations", observations, ("observations", "cond"))
        _require_rows("observations", observations, truth)
    if (log_prob_of_draws is None) != (log_prob_of_truth is None):
        raise ConfigurationError(
            "Give the log densities of both, the draws and the truth, or of neither.",
            "`posterior.log_prob(x)` gives both.",
        )
    densities = None
    if log_prob_of_draws is not None and log_prob_of_truth is not None:
        densities = (
            finite_array("log_prob_of_draws", log_prob_of_draws, ("observations", "draws")),
            finite_array("log_prob_of_truth", log_prob_of_truth, ("observations",)),
        )

    tests = _Tests(truth, observations, names, observable_names, level, seed)
    evidence = tests.made(draws, np.arange(len(truth)), densities)
    failed = [piece for piece in evidence if piece.failed]
    trust = Trust.YES
    repair: ConformalCalibration | None = None
    against_repair: tuple[str, ...] = ()
    if failed and evidence[0].p_value > SIGN_OF_MARGINAL_ERROR:
        # A test on fewer observations would pass for their number, not for the repair.
        trust = Trust.NO
        against_repair = ("Recalibrating each parameter by itself cannot repair this.",)
    elif failed:
        # Repaired without a test of its own: the draws are known to be wrong.
        calibration = ConformalCalibration(
            lower=lower, upper=upper, names=names, significance=1.0, random_state=seed
        )
        repair, against_repair = _tried(calibration, draws, truth, tests)
        trust = Trust.NO if repair is None else Trust.WITH_REPAIR
    return Verdict(
        trust=trust,
        evidence=evidence,
        reasons=reasons_of(without_echoes(failed)) + against_repair,
        remedies=remedies(
            evidence,
            history,
            cut_offs(draws, truth, listed),
            repaired=repair is not None,
            projection=projection,
        ),
        repair=repair,
        detectable=detectable(len(truth), truth.shape[1], level),
        level=level,
        num_observations=len(truth),
    )


@dataclass(frozen=True)
class _Tests:
    """What stays the same when other draws are tested."""

    truth: Float[np.ndarray, "observations dim"]
    observations: Float[np.ndarray, "observations cond"] | None
    names: Sequence[str] | None
    observable_names: Sequence[str] | None
    level: float
    seed: int

    def made(
        self,
        draws: Float[np.ndarray, "rows draws dim"],
        rows: Int[np.ndarray, " rows"],
        densities: tuple[np.ndarray, np.ndarray] | None,
    ) -> tuple[Evidence, ...]:
        return gather(
            draws,
            self.truth[rows],
            None if self.observations is None else self.observations[rows],
            None if densities is None else densities[0],
            None if densities is None else densities[1],
            names=self.names,
            observable_names=self.observable_names,
            level=self.level,
            seed=self.seed,
        )


def _tried(
    calibration: ConformalCalibration,
    draws: Float[np.ndarray, "observations draws dim"],
    truth: Float[np.ndarray, "observations dim"],
    tests: _Tests,
) -> tuple[ConformalCalibration | None, tuple[str, ...]]:
    """The calibration from all observations if it helps, else None and why it does not."""
    shuffled = np.random.default_rng(tests.seed).permutation(len(truth))
    # The map from few observations is noisy itself, and must not fail the test by that.
    num_held_out = len(truth) // 4
    first, second = np.sort(shuffled[num_held_out:]), np.sort(shuffled[:num_held_out])
    try:
        if num_held_out < MIN_OBSERVATIONS:
            raise TooFewRowsError(
                f"A quarter of {len(truth)} observations is less than the {MIN_OBSERVATIONS} "
                "that the repair is tested on."
            )
        repaired = calibration.fit(draws[first], truth[first]).apply(draws[second])
        from_all = clone(calibration).fit(draws, truth)
    except (TooFewRowsError, ConstantColumnError) as error:
        return None, (f"Repair could not be tried. {error.message}",)
    # No density is known of draws that were moved.
    still_failed = [piece for piece in tests.made(repaired, second, None) if piece.failed]
    if not still_failed:
        return from_all, ()
    return None, tuple(f"After recalibration: {reason}" for reason in reasons_of(still_failed))


def _require_rows(name: str, array: np.ndarray, truth: np.ndarray) -> None:
    if len(array) != len(truth):
        raise ShapeError(
            f"`{name}` must have one row per true value; got {len(array)} for {len(truth)}.",
            "Give them in the order of `truth`.",
        )
