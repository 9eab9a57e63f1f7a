"""The tests behind a verdict, each with its share of the false alarms that are allowed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from retrodict.diagnostics.arguments import Json
from retrodict.diagnostics.conditional_calibration import (
    ConditionalCalibration,
    conditional_calibration,
)
from retrodict.diagnostics.expected_coverage import ExpectedCoverage, expected_coverage
from retrodict.diagnostics.joint_calibration import JointCalibration, joint_calibration
from retrodict.diagnostics.simulation_based_calibration import (
    SimulationBasedCalibration,
    simulation_based_calibration,
)

Result = SimulationBasedCalibration | JointCalibration | ConditionalCalibration | ExpectedCoverage

# Of the false alarms: most to the question that is asked most.
_SHARES: dict[type, float] = {
    SimulationBasedCalibration: 0.4,
    JointCalibration: 0.25,
    ConditionalCalibration: 0.2,
    ExpectedCoverage: 0.15,
}
_QUESTIONS: dict[type, str] = {
    SimulationBasedCalibration: "each parameter by itself",
    JointCalibration: "all parameters together",
    ConditionalCalibration: "every kind of observation",
    ExpectedCoverage: "regions of highest density",
}


@dataclass(frozen=True)
class Evidence:
    """One test, and its p-value among all that were made.

    Attributes:
        question: what was tested, in a few words.
        result: of the diagnostic.
        p_value: the smallest of the test's own, corrected for their number and for the other
            tests (weighted Bonferroni): at most the verdict's level where the test failed.
        failed: whether it is.
    """

    question: str
    result: Result
    p_value: float
    failed: bool

    def to_dict(self) -> Json:
        return {"question": self.question, "p_value": self.p_value, "failed": self.failed}


def gather(
    draws: Float[np.ndarray, "observations draws dim"],
    truth: Float[np.ndarray, "observations dim"],
    observations: Float[np.ndarray, "observations cond"] | None,
    log_prob_of_draws: Float[np.ndarray, "observations draws"] | None,
    log_prob_of_truth: Float[np.ndarray, " observations"] | None,
    *,
    names: Sequence[str] | None,
    observable_names: Sequence[str] | None,
    level: float,
    seed: int,
) -> tuple[Evidence, ...]:
    """Makes every test that the arrays allow; an exact posterior fails any with `level`."""
    results: list[Result] = [simulation_based_calibration(draws, truth, names=names, seed=seed)]
    if truth.shape[1] > 1:
        results.append(joint_calibration(draws, truth, names=names, seed=seed))
    if observations is not None:
        results.append(
            conditional_calibration(
                draws,
                truth,
                observations,
                names=names,
                observable_names=observable_names,
                seed=seed,
            )
        )
    if log_prob_of_draws is not None and log_prob_of_truth is not None:
        results.append(expected_coverage(log_prob_of_draws, log_prob_of_truth))
    total = sum(_SHARES[type(result)] for result in results)
    return tuple(_evidence(result, _SHARES[type(result)] / total, level) for result in results)


def _evidence(result: Result, share: float, level: float) -> Evidence:
    if isinstance(result, ExpectedCoverage):
        p_value = result.p_value
    else:
        p_value = float(result.p_values.min()) * result.p_values.size
    p_value = min(1.0, p_value / share)
    return Evidence(_QUESTIONS[type(result)], result, p_value, failed=p_value <= level)
