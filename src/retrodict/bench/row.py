"""One line of the results: the posterior of one observation, judged."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypeVar

from retrodict.bench.settings import Case
from retrodict.errors import BundleCorruptedError


@dataclass(frozen=True)
class Training:
    """What is kept of a fit, beside its draws.

    Attributes:
        fit_seconds: from the first simulation to the fitted solver, compilation included.
        sampling_seconds: for the draws of all ten observations, compilation included.
        outcome: how training ended; empty for solvers that train nothing.
        num_parameters: trained numbers, where there are any.
        num_diverged: simulations that ended in NaN or infinity and were left out.
        date: of the end of the fit, UTC.
        machine: where, and with which versions of the libraries.
    """

    fit_seconds: float
    sampling_seconds: float
    outcome: str
    num_parameters: int | None
    num_diverged: int
    date: str
    machine: str


@dataclass(frozen=True)
class Judgement:
    """Draws beside reference draws.

    Attributes:
        c2st: accuracy of the classifier; 0.5 is perfect.
        mmd: unbiased MMD^2; around 0 where perfect.
        seconds: for both.
    """

    c2st: float
    mmd: float
    seconds: float


@dataclass(frozen=True)
class Row:
    """What was reached for one observation. A number that was not reached is None.

    Attributes:
        task: our name of it.
        num_simulations: that the solver learned from.
        seed: of the fit and the draws.
        num_observation: 1 to 10.
        c2st, mmd: as in `Judgement`.
        judging_seconds: its `seconds`.
        fit_seconds, sampling_seconds, outcome, num_parameters, num_diverged, date, machine: as in
            `Training`; the same for all observations of a fit.
        error: why there are no numbers; empty where there are.
        traceback: of an error that nobody raised on purpose.
    """

    task: str
    num_simulations: int
    seed: int
    num_observation: int
    c2st: float | None = None
    mmd: float | None = None
    judging_seconds: float | None = None
    fit_seconds: float | None = None
    sampling_seconds: float | None = None
    outcome: str = ""
    num_parameters: int | None = None
    num_diverged: int | None = None
    date: str = ""
    machine: str = ""
    error: str = ""
    traceback: str = ""

    @classmethod
    def of(cls, case: Case, num_observation: int) -> "Row":
        """A row without numbers yet."""
        return cls(case.task, case.num_simulations, case.seed, num_observation)

    @property
    def failed(self) -> bool:
        """Whether there is an error instead of numbers."""
        return bool(self.error)

    def trained(self, training: Training) -> "Row":
        """With what is known of its fit."""
        return replace(self, **asdict(training))

    def judged(self, judgement: Judgement) -> "Row":
        """With its measures."""
        return replace(
            self, c2st=judgement.c2st, mmd=judgement.mmd, judging_seconds=judgement.seconds
        )

    def failed_with(self, error: str, traceback: str = "") -> "Row":
        """With why there are no measures."""
        return replace(self, error=error, traceback=traceback)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


_Kept = TypeVar("_Kept", Training, Judgement)


def read_kept(kind: type[_Kept], values: Any) -> _Kept:
    """The training or judgement whose fields these are.

    Raises:
        BundleCorruptedError: they are not.
    """
    known = {entry.name for entry in fields(kind)}
    if not isinstance(values, dict) or set(values) != known:
        raise BundleCorruptedError(
            f"A {kind.__name__.lower()} of a benchmark is damaged or was written by another "
            "version.",
            "Delete the folder of its case under `cases`, and resume the benchmark.",
        )
    return kind(**values)
