"""What is most likely to help, from the pattern of what is wrong."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from retrodict.diagnostics.conditional_calibration import ConditionalCalibration
from retrodict.diagnostics.joint_calibration import JointCalibration
from retrodict.diagnostics.simulation_based_calibration import (
    CLEAR_DEVIATION,
    SimulationBasedCalibration,
)
from retrodict.judgement.evidence import Evidence
from retrodict.judgement.prior_range import CutOff

MANY_OBSERVABLES = 30
_OUTSIDE_ALL_DRAWS = 0.1
# In nats: what a held-out loss has to rise above its best, or to fall in its last tenth.
_CLEAR_CHANGE = 0.02


@runtime_checkable
class Projected(Protocol):
    """How many simulations are enough, as `LearningCurve.projection` says it."""

    @property
    def num_pairs(self) -> int | None:
        """None where more of them are not known to help."""
        ...

    @property
    def sentence(self) -> str: ...


def remedies(
    evidence: Sequence[Evidence],
    history: pd.DataFrame | None = None,
    cut_offs: Sequence[CutOff] = (),
    repaired: bool = False,
    projection: Projected | None = None,
) -> tuple[str, ...]:
    """Sentences, the most promising first; none where nothing is wrong.

    Args:
        evidence: of the verdict.
        history: of training.
        cut_offs: ends of the prior that true values pass.
        repaired: whether recalibration makes the posterior pass.
        projection: of a learning curve.
    """
    failed = [piece.result for piece in evidence if piece.failed]
    if not failed:
        return ()
    found = [str(cut_off) for cut_off in cut_offs]
    if repaired:
        found.append(
            "Use the repaired draws, at once and without training: `verdict.repair.apply(draws)`, "
            "on the command line `retrodict check RUN --repair`."
        )
    found += _of_training(history)
    for result in failed:
        if isinstance(result, SimulationBasedCalibration):
            found += _of_marginals(result, overfitted=_is_overfitted(history))
        elif isinstance(result, JointCalibration) and not _marginals_failed(evidence):
            found.append(
                "Take a solver that models all parameters together (a coupling flow, flow "
                "matching, a mixture with full covariance): each parameter by itself is right, "
                "their dependence is not."
            )
        elif isinstance(result, ConditionalCalibration):
            found += _of_observables(result)
    found.append(
        "Make sure that the test observations come from the same prior and simulator as the "
        "training data; no training repairs a difference between them."
    )
    return _with_budget(list(dict.fromkeys(found)), projection)


def _with_budget(found: list[str], projection: Projected | None) -> tuple[str, ...]:
    """How many simulations more of them are, where that is advised and known."""
    advised = [i for i, remedy in enumerate(found) if "more simulations" in remedy.lower()]
    if not advised:
        return tuple(found)
    first = advised[0]
    if projection is None:
        found[first] += (
            " A learning curve tells how many (`retrodict curve`; in Python `learning_curve`)."
        )
    elif projection.num_pairs is not None:
        found[first] += f" {projection.sentence}"
    else:
        # The curve knows better than the pattern of the errors.
        found.insert(0, projection.sentence)
    return tuple(found)


def _of_training(history: pd.DataFrame | None) -> list[str]:
    if history is None or history.empty:
        return []
    if _is_overfitted(history):
        return [
            "More simulations, or rows of a table: the held-out loss rises while the training "
            "loss falls, so the data are learned by heart; stopping early or a smaller network "
            "helps less."
        ]
    loss = history["validation_loss"].to_numpy(dtype=float)
    tenth = max(2, len(loss) // 10)
    still_falls = len(loss) > 2 * tenth and loss[-tenth] - loss[-1] > _CLEAR_CHANGE
    if still_falls:
        return ["Train longer: the held-out loss still fell when training ended."]
    return []


def _is_overfitted(history: pd.DataFrame | None) -> bool:
    if history is None or history.empty:
        return False
    loss = history["validation_loss"].to_numpy(dtype=float)
    return bool(loss[-1] - np.nanmin(loss) > _CLEAR_CHANGE)


def _of_marginals(result: SimulationBasedCalibration, *, overfitted: bool) -> list[str]:
    failed = ~np.asarray(result.passed_per_parameter)
    # A verdict may fail where the diagnostic by itself, at its own level, does not.
    failed = failed if failed.any() else result.p_values == result.p_values.min()
    outside = np.mean((result.ranks == 0) | (result.ranks == result.num_draws), axis=0)
    worst = int(np.argmax(np.where(failed, outside, -1)))
    found = []
    if outside[worst] > max(_OUTSIDE_ALL_DRAWS, 20 / result.num_draws):
        found.append(
            f"Look for a lost mode: for {outside[worst]:.0%} of the observations the true "
            f"`{result.names[worst]}` lies outside all {result.num_draws} draws. Take a solver "
            "that can hold several modes (flow matching, spline couplings, a mixture density "
            "network)."
        )
    if (result.spreads[failed] > CLEAR_DEVIATION).any():
        found.append(
            "An ensemble of several such solvers, or more simulations: too narrow posteriors are "
            "what too few simulations give."
            if not overfitted
            else "An ensemble of several such solvers, where no more simulations can be had."
        )
    if (result.spreads[failed] < -CLEAR_DEVIATION).any():
        found.append(
            "Train longer, or with a more flexible solver: too wide posteriors are what a model "
            "gives that has not yet learned all that the observations tell."
        )
    if (np.abs(result.shifts[failed]) > CLEAR_DEVIATION).any():
        found.append("Train longer or with more simulations: the posteriors are shifted.")
    if not found:
        found.append(
            "Train longer, or with a more flexible solver: the posteriors do not have the right "
            "shape yet."
        )
    return found


def _of_observables(result: ConditionalCalibration) -> list[str]:
    _, j = result.worst
    found = [
        f"More simulations or a wider network: the error depends on "
        f"`{result.observable_names[j]}`, which the model uses too crudely."
    ]
    if len(result.observable_names) >= MANY_OBSERVABLES:
        found.append(
            f"Summarise the {len(result.observable_names)} observables first, by a summary network "
            "or by features that are known to matter."
        )
    return found


def _marginals_failed(evidence: Sequence[Evidence]) -> bool:
    return any(
        piece.failed and isinstance(piece.result, SimulationBasedCalibration) for piece in evidence
    )
