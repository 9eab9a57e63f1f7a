"""What held-out data say about a trained model: the one place where a run is judged."""

from dataclasses import dataclass
from typing import Any

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
    Recovery,
    RoundTrip,
    SimulationBasedCalibration,
    calibration_error,
    recovery,
    simulation_based_calibration,
)
from retrodict.problems.base import AbstractProblem
from retrodict.solvers import AbstractTrainedSolver
from retrodict.variables import Variable, names_of

NUM_DRAWS = 300


@dataclass(frozen=True)
class Evaluation:
    """Everything that the report shows and `metrics.json` holds.

    Attributes:
        parameters, observables: the columns of `x` and `y`.
        held_out: what it was judged on.
        draws: posterior draws for each held-out observation.
        calibration, ranks: whether the posterior can be trusted.
        recovery: how much the observations tell.
        round_trip: whether the flow's inverse undoes it; None without a flow.
        comparison: with the problem, where there is a simulator.
    """

    parameters: tuple[Variable, ...]
    observables: tuple[Variable, ...]
    held_out: HeldOut
    draws: Float[np.ndarray, "observations draws dim"]
    calibration: CalibrationError
    ranks: SimulationBasedCalibration
    recovery: Recovery
    round_trip: RoundTrip | None
    comparison: AgainstProblem | None

    @property
    def passed(self) -> bool:
        """Whether held-out data give no reason to doubt the posterior."""
        return self.is_calibrated and self.is_inverted

    @property
    def is_inverted(self) -> bool:
        """Whether nothing is wrong with the inverse of the flow, where there is one."""
        return self.round_trip is None or self.round_trip.passed

    @property
    def is_calibrated(self) -> bool:
        """Whether true causes lie among the draws as often as they should."""
        return self.calibration.passed and self.ranks.passed

    @property
    def sentences(self) -> list[str]:
        """The findings, one sentence each, the verdict first."""
        findings: list[object] = [self.ranks, self.calibration, self.recovery]
        if self.round_trip is not None:
            findings.append(self.round_trip)
        if self.comparison is not None:
            findings.append(self.comparison.resimulation)
            if self.comparison.mismatch is not None:
                findings.append(self.comparison.mismatch)
        verdict = f"The posterior is {'' if self.is_calibrated else 'not '}calibrated."
        if not self.is_inverted:
            verdict += " Its flow is not undone by its inverse."
        return [verdict, *(str(finding) for finding in findings)]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        numbers: dict[str, Any] = {
            "passed": self.passed,
            "calibration_error": self.calibration.to_dict(),
            "simulation_based_calibration": self.ranks.to_dict(),
            "recovery": self.recovery.to_dict(),
        }
        if self.round_trip is not None:
            numbers["round_trip"] = self.round_trip.to_dict()
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
    return Evaluation(
        parameters=tuple(estimator.parameters_),
        observables=tuple(estimator.observables_),
        held_out=held_out,
        draws=draws,
        calibration=calibration_error(draws, held_out.x, names=names),
        ranks=simulation_based_calibration(draws, held_out.x, names=names),
        recovery=recovery(draws, held_out.x, names=names),
        # At one draw for each observation: what is drawn is within the bounds of the model.
        round_trip=estimator.round_trip(draws[:, 0], held_out.y, random_state=seed)
        if estimator.has_round_trip
        else None,
        comparison=None if problem is None else against_problem(estimator, held_out, problem, seed),
    )
