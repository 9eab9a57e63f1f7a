"""What a failed test has found, in one sentence without advice."""

from collections.abc import Sequence

import numpy as np

from retrodict.diagnostics.conditional_calibration import ConditionalCalibration
from retrodict.diagnostics.expected_coverage import ExpectedCoverage
from retrodict.diagnostics.joint_calibration import DISTANCE, JointCalibration
from retrodict.diagnostics.simulation_based_calibration import SimulationBasedCalibration
from retrodict.judgement.evidence import Evidence, Result

_MOST_NAMED = 3


def reasons_of(failed: Sequence[Evidence]) -> tuple[str, ...]:
    """What is wrong, for a person who does not know the tests."""
    return tuple(_reason(piece.result) for piece in failed)


def without_echoes(failed: Sequence[Evidence]) -> list[Evidence]:
    """Without the joint test where single parameters failed, which makes it fail as well."""
    if not any(isinstance(piece.result, SimulationBasedCalibration) for piece in failed):
        return list(failed)
    return [piece for piece in failed if not isinstance(piece.result, JointCalibration)]


def _reason(result: Result) -> str:
    if isinstance(result, SimulationBasedCalibration):
        return _of_marginals(result)
    if isinstance(result, JointCalibration):
        return _of_joint(result)
    if isinstance(result, ConditionalCalibration):
        return _of_observables(result)
    return _of_regions(result)


def _of_marginals(result: SimulationBasedCalibration) -> str:
    # A verdict may fail where the diagnostic by itself, at its own level, does not.
    findings = result.findings or {
        result.names[int(np.argmin(result.p_values))]: "does not rank as it should"
    }
    named = [f"`{name}` {finding}" for name, finding in findings.items()]
    return f"The posterior of {_listed(named, 'parameters')} ({_shown(result.p_values.min())})."


def _of_joint(result: JointCalibration) -> str:
    findings = list(result.findings.items())
    if not findings:
        worst = result.quantities[int(np.argmin(result.p_values))]
        findings = [(worst, f"{worst.replace(' with ', ' and ')} do not vary together as they do")]
    # The pair says more than the distance, which fails whenever anything does.
    pairs = [finding for name, finding in findings if name != DISTANCE]
    shown = pairs or ["the truth lies farther from, or nearer to, the centre than the draws do"]
    return (
        f"Taken together, {_listed(shown, 'pairs of parameters')} ("
        f"{_shown(result.p_values.min())})."
    )


def _of_observables(result: ConditionalCalibration) -> str:
    i, j = result.worst
    if abs(result.shifts[i, j]) >= abs(result.spreads[i, j]):
        how = "lies too low" if result.shifts[i, j] > 0 else "lies too high"
    else:
        how = "is too narrow" if result.spreads[i, j] > 0 else "is too wide"
    return (
        f"The posterior of `{result.names[i]}` {how} for large values of "
        f"`{result.observable_names[j]}`, compared with small ones ("
        f"{_shown(result.p_values[i, j])})."
    )


def _of_regions(result: ExpectedCoverage) -> str:
    return f"Regions of highest density are {result.finding} ({_shown(result.p_value)})."


def _listed(parts: list[str], kind: str) -> str:
    left_out = len(parts) - _MOST_NAMED
    shown = "; ".join(parts[:_MOST_NAMED])
    return f"{shown}; and {left_out} more {kind}" if left_out > 0 else shown


def _shown(p_value: float) -> str:
    return "p < 1e-12" if p_value < 1e-12 else f"p = {p_value:.2g}"
