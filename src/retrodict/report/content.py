"""What a report is made of: plain results, with no model and no layout in them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Float

from retrodict.diagnostics.calibration_error import CalibrationError
from retrodict.diagnostics.modes import PosteriorModes
from retrodict.diagnostics.recovery import Recovery
from retrodict.diagnostics.resimulation_error import ResimulationError
from retrodict.diagnostics.sensitivity import Sensitivity
from retrodict.diagnostics.simulation_based_calibration import SimulationBasedCalibration
from retrodict.errors import ConfigurationError, ShapeError
from retrodict.judgement import Verdict
from retrodict.variables import Variable


@dataclass(frozen=True)
class MetricHelp:
    """What one number means.

    Args:
        label: for people; the metric's key with spaces when empty.
        meaning: one sentence.
        target: in words, where there is one; made from `at_most` when empty.
        at_most: the largest value that is good enough; None where none was set.
        percent: whether the number is a share, to be shown in per cent.
    """

    label: str = ""
    meaning: str = ""
    target: str = ""
    at_most: float | None = None
    percent: bool = False


@dataclass(frozen=True, eq=False)
class ReportContent:
    """Everything one report tells. Where something is missing, the page says so.

    Args:
        title: of the page, e.g. the problem's name.
        description: of the problem, a sentence or two.
        parameters: the hidden causes.
        observables: the effects.
        history: of training: `epoch`, `training_loss`, `validation_loss`, and where known
            `learning_rate` and `seconds`.
        outcome: a sentence on how training ended.
        truth: the causes behind the test observations.
        draws: from the posterior of each test observation.
        observations: the test observations.
        resimulated: the forward process run on draws of each test observation.
        exact: draws from the exact posterior of each shown observation.
        shown: indices of the test observations whose posteriors are shown.
        verdict: whether the posteriors can be believed, from all tests together.
        calibration: how well coverage fits confidence.
        sbc: whether true values rank uniformly.
        recovery: posterior medians against truth.
        modes: how many different causes explain an observation.
        sensitivity: which observables the posteriors depend on.
        resimulation_result: distances between re-simulations and observations.
        metrics: all numbers, the most important first; the first six open the page.
        metric_help: meaning and target per metric; what is missing is filled in where known.
        facts: how the result came about, e.g. solver, architecture, seed, versions, machine.
        commands: what to type to repeat the run.

    Raises:
        ShapeError: arrays that do not agree with one another or with the variables.
        ConfigurationError: a shown observation that does not exist.
    """

    title: str
    description: str
    parameters: tuple[Variable, ...]
    observables: tuple[Variable, ...]
    history: pd.DataFrame
    outcome: str
    truth: Float[np.ndarray, "..."]
    draws: Float[np.ndarray, "..."]
    observations: Float[np.ndarray, "..."]
    resimulated: Float[np.ndarray, "..."] | None = None
    exact: Float[np.ndarray, "..."] | None = None
    shown: tuple[int, ...] = ()
    verdict: Verdict | None = None
    calibration: CalibrationError | None = None
    sbc: SimulationBasedCalibration | None = None
    recovery: Recovery | None = None
    modes: PosteriorModes | None = None
    sensitivity: Sensitivity | None = None
    resimulation_result: ResimulationError | None = None
    metrics: Mapping[str, float | str] = field(default_factory=dict)
    metric_help: Mapping[str, MetricHelp] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    commands: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        num, dim, cond = len(self.truth), len(self.parameters), len(self.observables)
        self._expect("truth", self.truth, (num, dim))
        self._expect("draws", self.draws, (num, None, dim))
        self._expect("observations", self.observations, (num, cond))
        if self.resimulated is not None:
            self._expect("resimulated", self.resimulated, (num, None, cond))
        if self.exact is not None:
            self._expect("exact", self.exact, (len(self.shown), None, dim))
        missing = [index for index in self.shown if not 0 <= index < num]
        if missing:
            raise ConfigurationError(
                f"Shown observations must be among 0 to {num - 1}; got {missing}.",
                "Choose indices of the test observations.",
            )

    @staticmethod
    def _expect(name: str, array: np.ndarray, shape: tuple[int | None, ...]) -> None:
        fits = array.ndim == len(shape) and all(
            expected is None or size == expected
            for size, expected in zip(array.shape, shape, strict=True)
        )
        if not fits:
            wanted = ", ".join("any" if size is None else str(size) for size in shape)
            raise ShapeError(
                f"`{name}` must have the shape ({wanted}); got {array.shape}.",
                "Test observations come first, then draws, then the variables' columns.",
            )
