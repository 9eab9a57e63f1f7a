"""What held-out data say about a trained model: the one place where a run is judged."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from retrodict.comparison.against_problem import (
    AgainstProblem,
    HeldOut,
    against_problem,
    posterior_draws,
)
from retrodict.diagnostics import (
    CalibrationError,
    PosteriorModes,
    Recovery,
    RoundTrip,
    Sensitivity,
    SimulationBasedCalibration,
    calibration_error,
    posterior_modes,
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
        recovery: how much the observations tell.
        modes: how many different causes explain an observation.
        sensitivity: which observables the posterior depends on.
        round_trip: whether the flow's inverse undoes it; None without a flow.
        comparison: with the problem, where there is a simulator.
    """

    parameters: tuple[Variable, ...]
    observables: tuple[Variable, ...]
    held_out: HeldOut
    draws: Float[np.ndarray, "observations draws dim"]
    verdict: Verdict
    calibration: CalibrationError
    ranks: SimulationBasedCalibration
    recovery: Recovery
    modes: PosteriorModes | Unanswered
    sensitivity: Sensitivity | Unanswered
    round_trip: RoundTrip | None
    comparison: AgainstProblem | None

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
        findings: list[object] = [self.ranks, self.calibration, self.recovery, self.modes]
        findings.append(self.sensitivity)
        if self.round_trip is not None:
            findings.append(self.round_trip)
        if self.comparison is not None:
            findings.append(self.comparison.resimulation)
            if self.comparison.mismatch is not None:
                findings.append(self.comparison.mismatch)
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
        if isinstance(self.sensitivity, Sensitivity):
            numbers["sensitivity"] = self.sensitivity.to_dict()
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
) -> Evaluation:
    """Judge a trained model on pairs that it has never seen.

    Args:
        estimator: trained.
        held_out: true causes and their observations, from where the training data came.
        problem: the simulator behind them, where there is one: posterior draws are then
            simulated again, and compared with the exact posterior where that is known.
        seed: of all draws.
        num_draws: posterior draws per held-out observation.

    Raises:
        TooFewRowsError: not enough held-out pairs to tell.
    """
    names = names_of(estimator.parameters_)
    draws = posterior_draws(estimator, held_out.y, num_draws, seed)
    observable_names = names_of(estimator.observables_)
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
        ),
        calibration=calibration_error(draws, held_out.x, names=names),
        ranks=simulation_based_calibration(draws, held_out.x, names=names),
        recovery=recovery(draws, held_out.x, names=names),
        modes=_answered("Ambiguity", lambda: posterior_modes(draws, names=names)),
        sensitivity=_answered(
            "The use of each observable",
            lambda: sensitivity(draws, held_out.y, names=names, observable_names=observable_names),
        ),
        # At one draw for each observation: what is drawn is within the bounds of the model.
        round_trip=estimator.round_trip(draws[:, 0], held_out.y, random_state=seed)
        if estimator.has_round_trip
        else None,
        comparison=None if problem is None else against_problem(estimator, held_out, problem, seed),
    )


def _answered(question: str, ask: Callable[[], _Result]) -> _Result | Unanswered:
    try:
        return ask()
    except (TooFewRowsError, ConstantColumnError) as error:
        return Unanswered(question, error.message)
