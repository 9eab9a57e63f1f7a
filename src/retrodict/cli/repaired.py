"""The repair that `check --repair` keeps in a run folder and `sample --repaired` applies."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from retrodict.bundle import load, read_config, save
from retrodict.cli.console import aligned
from retrodict.cli.evaluate import Evaluation
from retrodict.cli.run_folder import RunFolder
from retrodict.errors import BundleCorruptedError, BundleNotFoundError, ConfigurationError
from retrodict.repair import ConformalCalibration, CoverageRepair
from retrodict.repair.order_statistics import fewest_scores
from retrodict.variables import Variable, names_of

_LEVELS = (0.5, 0.8, 0.95)


@dataclass(frozen=True)
class RunRepair:
    """A calibration, and the model whose draws it is of.

    Attributes:
        calibration: fitted to the held-out pairs of the run.
        parameters: their names.
        weights_sha256: of the model, as its bundle says it.
    """

    calibration: ConformalCalibration
    parameters: tuple[str, ...]
    weights_sha256: str

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Plain values and arrays, enough for `from_state`."""
        state = {"parameters": list(self.parameters), "weights_sha256": self.weights_sha256}
        return state, self.calibration.to_arrays()

    @classmethod
    def from_state(cls, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> "RunRepair":
        """What `to_state` described."""
        names = tuple(state["parameters"])
        calibration = ConformalCalibration.from_arrays(arrays, names=names)
        return cls(calibration, names, state["weights_sha256"])


def repair_of(evaluation: Evaluation) -> ConformalCalibration:
    """The calibration from all pairs of an evaluation: that of its verdict, where it has one.

    Raises:
        DataError: draws that cannot be repaired.
    """
    if evaluation.verdict.repair is not None:
        return evaluation.verdict.repair
    return fit_repair(evaluation.draws, evaluation.held_out.x, evaluation.parameters)


def fit_repair(
    draws: Float[np.ndarray, "observations draws dim"],
    truth: Float[np.ndarray, "observations dim"],
    parameters: Sequence[Variable],
) -> ConformalCalibration:
    """A calibration at those of the usual levels that so many pairs allow.

    Raises:
        DataError: draws that cannot be repaired.
    """
    calibration = ConformalCalibration(
        levels=[level for level in _LEVELS if len(truth) >= fewest_scores(level, num_tails=2)],
        lower=[variable.lower for variable in parameters],
        upper=[variable.upper for variable in parameters],
        names=names_of(parameters),
    )
    return calibration.fit(draws, truth)


def sentences_about(calibration: ConformalCalibration) -> list[str]:
    """What a repair did and what it promises, for people."""
    summary = calibration.summary_
    num = summary.num_observations
    at_bound = " (still more where they reach such a bound)" if summary.at_bound.any() else ""
    return [
        str(summary),
        "True causes inside the intervals of the draws, before and after, where each fifth of the "
        "pairs is repaired by the other four:",
        _table(summary),
        f"Intervals up to {np.floor(1000 * calibration.highest_level_) / 10:g} % are guaranteed by "
        f"{num:,} pairs, for each parameter and over observations like these: they hold the truth "
        f"with the probability that they state, or up to {200 / (num + 1):.2g} points "
        f"more{at_bound}. What is wrong with parameters together, or with single observations, is "
        "not repaired.",
    ]


def keep_repair(folder: RunFolder, calibration: ConformalCalibration) -> None:
    """Write the repair, complete or not at all; an older one is replaced."""
    weights = read_config(folder.model)["weights_sha256"]
    repair = RunRepair(calibration, tuple(calibration.names or ()), weights)
    save(repair, folder.repair, overwrite=True)


def read_repair(folder: RunFolder) -> ConformalCalibration:
    """The repair of the folder's model.

    Raises:
        BundleNotFoundError: there is none yet.
        BundleCorruptedError: it is damaged, or of another model.
        BundleVersionError: it was written by a newer version.
    """
    again = f"retrodict check {shlex.quote(str(folder.path))} --repair"
    if not folder.repair.exists():
        raise BundleNotFoundError(
            f"`{folder.path}` has no repair yet.", f"Make one from its held-out pairs: {again}"
        )
    try:
        repair = load(folder.repair)
    except (BundleCorruptedError, BundleNotFoundError, ConfigurationError) as error:
        raise BundleCorruptedError(error.message, f"Make it anew: {again}") from error
    if not isinstance(repair, RunRepair):
        raise BundleCorruptedError(
            f"`{folder.repair}` holds no repair but a model.", f"Make one: {again}"
        )
    if repair.weights_sha256 != read_config(folder.model)["weights_sha256"]:
        raise BundleCorruptedError(
            f"`{folder.repair}` is the repair of another model than the one in `{folder.model}`.",
            f"Make one for this model: {again}",
        )
    return repair.calibration


def _table(summary: CoverageRepair) -> str:
    header, columns = ["parameter"], [list(summary.names)]
    shares = zip(summary.levels, summary.before, summary.after, strict=True)
    for level, before, after in shares:
        header += [f"{level:.0%} before", "after"]
        columns += [[f"{share:.0%}" for share in both] for both in (before, after)]
    return aligned(header, list(zip(*columns, strict=True)))
