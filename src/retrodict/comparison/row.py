"""One line of the table: what one solver reached, or why it did not."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from retrodict.errors import BundleCorruptedError


@dataclass(frozen=True)
class Row:
    """What one solver reached. A number that does not apply, or was not reached, is None.

    Attributes:
        name: of the row.
        settings: of the solver.
        error: why there are no numbers; empty where there are.
        traceback: of an error that nobody raised on purpose.
        outcome: how training ended.
        mmd_mean, mmd_median: unbiased MMD^2 to the exact posterior over the observations.
        c2st_mean: accuracy of the two-sample classifier of sbibm, at 1,000 draws.
        resimulation_mean, resimulation_median: distance between simulated draw and observation.
        calibration_error: median over confidences of |share inside - confidence|.
        width_68: median width of the 68 % interval, the mean over parameters.
        sbc_p_value: smallest over parameters, of uniform ranks.
        calibrated: both tests of calibration passed.
        training_seconds: from the first simulation to the fitted solver, compilation included.
        seconds_per_1000_draws: for one observation, once compiled.
        evaluation_seconds: of all checks.
        num_parameters: trained numbers.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    traceback: str = ""
    outcome: str = ""
    mmd_mean: float | None = None
    mmd_median: float | None = None
    c2st_mean: float | None = None
    resimulation_mean: float | None = None
    resimulation_median: float | None = None
    calibration_error: float | None = None
    width_68: float | None = None
    sbc_p_value: float | None = None
    calibrated: bool | None = None
    training_seconds: float | None = None
    seconds_per_1000_draws: float | None = None
    evaluation_seconds: float | None = None
    num_parameters: int | None = None

    @property
    def failed(self) -> bool:
        """Whether there is an error instead of numbers."""
        return bool(self.error)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> "Row":
        """The row that `to_dict` wrote.

        Raises:
            BundleCorruptedError: these are not the fields of a row.
        """
        known = {entry.name for entry in fields(cls)}
        if not isinstance(values, dict) or set(values) != known:
            raise BundleCorruptedError(
                "A row of a comparison is damaged or was written by another version.",
                "Delete its folder under `solvers`, and resume the comparison.",
            )
        return cls(**values)


def rank(row: Row) -> tuple[bool, bool, float]:
    """Best first: by mismatch, without an exact posterior by calibration; failures last."""
    by = row.mmd_mean if row.mmd_mean is not None else row.calibration_error
    return row.failed, row.mmd_mean is None, float("inf") if by is None else by
