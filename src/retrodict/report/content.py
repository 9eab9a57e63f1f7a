"""What a report is made of: plain results, with no model and no layout in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Float

from retrodict.diagnostics.calibration_error import CalibrationError
from retrodict.diagnostics.misspecification import Misspecification
from retrodict.diagnostics.modes import PosteriorModes
from retrodict.diagnostics.posterior_z_score import PosteriorZScores
from retrodict.diagnostics.predictive_check import PosteriorPredictiveCheck
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
        priors: of each parameter, in words; empty where they are not known.
        data: a sentence on how many pairs the model was trained and tested on.
        tested_x, tested_y: all pairs that it was tested on, where they are more than those below.
        tested_draws: from the posterior of each of them, perhaps fewer than below.
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
        z_scores: how far off posterior means are, and how much was learned.
        recovery: posterior medians against truth.
        modes: how many different causes explain an observation.
        sensitivity: which observables the posteriors depend on.
        misspecification: whether test observations are like those of training; its first rows
            are the test observations below.
        resimulation_result: distances between re-simulations and observations.
        predictive: whether re-simulations look like the observations.
        shown_predictive: likewise, for each shown observation by itself.
        unanswered: what was not looked at, and why, a sentence each.
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
    priors: tuple[str, ...] = ()
    data: str = ""
    tested_x: Float[np.ndarray, "..."] | None = None
    tested_y: Float[np.ndarray, "..."] | None = None
    tested_draws: Float[np.ndarray, "..."] | None = None
    resimulated: Float[np.ndarray, "..."] | None = None
    exact: Float[np.ndarray, "..."] | None = None
    shown: tuple[int, ...] = ()
    verdict: Verdict | None = None
    calibration: CalibrationError | None = None
    sbc: SimulationBasedCalibration | None = None
    z_scores: PosteriorZScores | None = None
    recovery: Recovery | None = None
    modes: PosteriorModes | None = None
    sensitivity: Sensitivity | None = None
    misspecification: Misspecification | None = None
    resimulation_result: ResimulationError | None = None
    predictive: PosteriorPredictiveCheck | None = None
    shown_predictive: tuple[PosteriorPredictiveCheck, ...] = ()
    unanswered: Sequence[str] = ()
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
        if self.tested_x is not None:
            self._expect("tested_x", self.tested_x, (None, dim))
        if self.tested_draws is not None:
            tested = self.truth if self.tested_x is None else self.tested_x
            self._expect("tested_draws", self.tested_draws, (len(tested), None, dim))
        if self.tested_y is not None:
            self._expect("tested_y", self.tested_y, (None, cond))
        for name, num_given, expected in (
            ("priors", len(self.priors), dim),
            ("shown_predictive", len(self.shown_predictive), len(self.shown)),
        ):
            if num_given not in (0, expected):
                raise ShapeError(
                    f"`{name}` must have {expected} entries, or none; got {num_given}.",
                    "Priors are of the parameters, predictive checks of the shown observations.",
                )
        if self.misspecification is not None and len(self.misspecification.p_values) < num:
            raise ShapeError(
                f"`misspecification` must be of all {num} test observations; it is of "
                f"{len(self.misspecification.p_values)}.",
                "Test the same observations, in the same order.",
            )
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
