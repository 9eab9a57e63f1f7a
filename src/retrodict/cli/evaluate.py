"""What held-out data say about a trained model: the one place where a run is judged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from retrodict.budget import Projection
from retrodict.comparison.against_problem import (
    AgainstProblem,
    HeldOut,
    against_problem,
    posterior_draws,
)
from retrodict.diagnostics import (
    CalibrationError,
    Misspecification,
    PosteriorModes,
    PosteriorPredictiveCheck,
    PosteriorZScores,
    Recovery,
    RoundTrip,
    Sensitivity,
    SimulationBasedCalibration,
    calibration_error,
    posterior_modes,
    posterior_predictive_check,
    posterior_z_scores,
    recovery,
    sensitivity,
    simulation_based_calibration,
)
from retrodict.errors import ConstantColumnError, TooFewRowsError
from retrodict.judgement import Verdict, verdict
from retrodict.problems.base import AbstractProblem
from retrodict.solvers import AbstractTrainedSolver
from retrodict.variables import Variable, names_of

NUM_DRAWS = 300
_FEWEST_TO_SUMMARISE = 3

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Unanswered:
    """A question that these draws cannot answer, and why; it decides nothing."""

    question: str
    why: str

    def __str__(self) -> str:
        return f"{self.question} was not looked at: {self.why}"


@dataclass(frozen=True)
class Evaluation:
    """Everything that the report shows and `metrics.json` holds.

    Attributes:
        parameters, observables: the columns of `x` and `y`.
        held_out: what it was judged on.
        draws: posterior draws for each held-out observation.
        verdict: whether the posterior can be trusted.
        calibration, ranks: how well intervals fit their confidence, parameter by parameter.
        z_scores: how far off posterior means are, and how much was learned.
        recovery: how much the observations tell.
        modes: how many different causes explain an observation.
        sensitivity: which observables the posterior depends on.
        round_trip: whether the flow's inverse undoes it; None without a flow.
        misspecification: whether held-out observations are like those of training.
        comparison: with the problem, where there is a simulator.
        predictive: whether what draws simulate looks like what was observed; likewise.
    """

    parameters: tuple[Variable, ...]
    observables: tuple[Variable, ...]
    held_out: HeldOut
    draws: Float[np.ndarray, "observations draws dim"]
    verdict: Verdict
    calibration: CalibrationError
    ranks: SimulationBasedCalibration
    z_scores: PosteriorZScores | Unanswered
    recovery: Recovery
    modes: PosteriorModes | Unanswered
    sensitivity: Sensitivity | Unanswered
    misspecification: Misspecification | Unanswered
    round_trip: RoundTrip | None
    comparison: AgainstProblem | None
    predictive: PosteriorPredictiveCheck | Unanswered | None

    @property
    def passed(self) -> bool:
        """Whether held-out data give no reason to doubt the posterior."""
        return self.verdict.passed and self.is_inverted

    @property
    def is_inverted(self) -> bool:
        """Whether nothing is wrong with the inverse of the flow, where there is one."""
        return self.round_trip is None or self.round_trip.passed

    @property
    def sentences(self) -> list[str]:
        """The findings, one sentence each, the verdict first."""
        findings: list[object] = [self.ranks, self.calibration, self.z_scores, self.recovery]
        findings += [self.modes, self.sensitivity, self.misspecification]
        if self.round_trip is not None:
            findings.append(self.round_trip)
        if self.comparison is not None:
            findings.append(self.comparison.resimulation)
            if self.comparison.mismatch is not None:
                findings.append(self.comparison.mismatch)
        if self.predictive is not None:
            findings.append(self.predictive)
        answer = str(self.verdict).splitlines()
        if not self.is_inverted:
            answer[0] += " Its flow is not undone by its inverse."
        return [*answer, *(str(finding) for finding in findings)]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        numbers: dict[str, Any] = {
            "passed": self.passed,
            "verdict": self.verdict.to_dict(),
            "calibration_error": self.calibration.to_dict(),
            "simulation_based_calibration": self.ranks.to_dict(),
            "recovery": self.recovery.to_dict(),
            "share_ambiguous": None
            if isinstance(self.modes, Unanswered)
            else self.modes.share_ambiguous,
        }
        if self.round_trip is not None:
            numbers["round_trip"] = self.round_trip.to_dict()
        if isinstance(self.z_scores, PosteriorZScores):
            numbers["posterior_z_scores"] = self.z_scores.to_dict()
        if isinstance(self.sensitivity, Sensitivity):
            numbers["sensitivity"] = self.sensitivity.to_dict()
        if isinstance(self.misspecification, Misspecification):
            of_all = self.misspecification.to_dict()
            del of_all["observations"]
            numbers["misspecification"] = of_all
        if isinstance(self.predictive, PosteriorPredictiveCheck):
            numbers["posterior_predictive_check"] = self.predictive.to_dict()
        if self.comparison is not None:
            numbers["resimulation_error"] = self.comparison.resimulation.to_dict()
            if self.comparison.mismatch is not None:
                numbers["posterior_mismatch"] = self.comparison.mismatch.to_dict()
        return numbers


def evaluate(
    estimator: AbstractTrainedSolver,
    held_out: HeldOut,
    problem: AbstractProblem | None = None,
    *,
    seed: int = 0,
    num_draws: int = NUM_DRAWS,
    projection: Projection | None = None,
) -> Evaluation:
    """Judge a trained model on pairs that it has never seen.

    Args:
        estimator: trained.
        held_out: true causes and their observations, from where the training data came.
        problem: the simulator behind them, where there is one: posterior draws are then
            simulated again, and compared with the exact posterior where that is known.
        seed: of all draws.
        num_draws: posterior draws per held-out observation.
        projection: how many simulations are enough, from a learning curve.

    Raises:
        TooFewRowsError: not enough held-out pairs to tell.
    """
    names = names_of(estimator.parameters_)
    draws = posterior_draws(estimator, held_out.y, num_draws, seed)
    observable_names = names_of(estimator.observables_)
    comparison = None if problem is None else against_problem(estimator, held_out, problem, seed)
    return Evaluation(
        parameters=tuple(estimator.parameters_),
        observables=tuple(estimator.observables_),
        held_out=held_out,
        draws=draws,
        verdict=verdict(
            draws,
            held_out.x,
            held_out.y,
            names=names,
            observable_names=observable_names,
            lower=[variable.lower for variable in estimator.parameters_],
            upper=[variable.upper for variable in estimator.parameters_],
            history=estimator.history_,
            projection=projection,
        ),
        calibration=calibration_error(draws, held_out.x, names=names),
        ranks=simulation_based_calibration(draws, held_out.x, names=names),
        z_scores=_answered(
            "The z-score of each posterior",
            lambda: posterior_z_scores(draws, held_out.x, names=names, seed=seed),
        ),
        recovery=recovery(draws, held_out.x, names=names),
        modes=_answered("Ambiguity", lambda: posterior_modes(draws, names=names)),
        sensitivity=_answered(
            "The use of each observable",
            lambda: sensitivity(draws, held_out.y, names=names, observable_names=observable_names),
        ),
        misspecification=_like_training(estimator, held_out.y),
        # At one draw for each observation: what is drawn is within the bounds of the model.
        round_trip=estimator.round_trip(draws[:, 0], held_out.y, random_state=seed)
        if estimator.has_round_trip
        else None,
        comparison=comparison,
        predictive=None
        if comparison is None
        else _answered(
            "What draws simulate",
            lambda: predictive_check(
                comparison.resimulated,
                held_out.y[: len(comparison.resimulated)],
                estimator.observables_,
                seed,
            ),
        ),
    )


def predictive_check(
    replicated: Float[np.ndarray, "observations draws cond"],
    observed: Float[np.ndarray, "observations cond"],
    observables: Sequence[Variable],
    seed: int,
) -> PosteriorPredictiveCheck:
    """The check in each observable; of a curve or series also in its mean, sd, min and max.

    Three observables or more of one unit are taken for such a series: the mean of a distance and
    a time means nothing.
    """
    names = names_of(observables)
    is_series = len(names) >= _FEWEST_TO_SUMMARISE and len({each.unit for each in observables}) == 1
    if is_series and not {"mean", "sd", "min", "max"} & set(names):
        return posterior_predictive_check(replicated, observed, names=names, seed=seed)

    def column(i: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda y: y[..., i]

    each = {name: column(i) for i, name in enumerate(names)}
    return posterior_predictive_check(replicated, observed, each, seed=seed)


def _like_training(
    estimator: AbstractTrainedSolver, y: Float[np.ndarray, "observations cond"]
) -> Misspecification | Unanswered:
    if estimator.typical_observations_ is None:
        return Unanswered(
            "Whether observations are like those of training",
            "that takes 400 rows of training, at most 1,000 observables, and one that varies.",
        )
    return estimator.typical_observations_.test(y)


def _answered(question: str, ask: Callable[[], _Result]) -> _Result | Unanswered:
    try:
        return ask()
    except (TooFewRowsError, ConstantColumnError) as error:
        return Unanswered(question, error.message)
