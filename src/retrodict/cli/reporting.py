"""From an evaluation to `metrics.json` and `report.html`."""

import platform
from typing import Any

from retrodict.cli.evaluate import Evaluation, Unanswered
from retrodict.cli.run_folder import Record, RunFolder
from retrodict.comparison.against_problem import NUM_COMPARED
from retrodict.diagnostics import recovery
from retrodict.problems.base import AbstractProblem
from retrodict.report import ReportContent
from retrodict.solvers import AbstractTrainedSolver
from retrodict.variables import names_of

_NUM_SHOWN = 3


def metrics_of(estimator: AbstractTrainedSolver, evaluation: Evaluation) -> dict[str, Any]:
    """All numbers of a run: how training went, and what the check found."""
    history = estimator.history_
    best = history.iloc[int(history["validation_loss"].to_numpy().argmin())]
    return {
        **evaluation.to_dict(),
        "training": {
            "outcome": estimator.outcome_.value,
            "best_epoch": int(best["epoch"]),
            "num_epochs": int(history["epoch"].iloc[-1]),
            "validation_loss": float(best["validation_loss"]),
            "seconds": float(history["seconds"].iloc[-1]),
            "num_parameters": int(estimator.num_parameters_),
        },
    }


def write_report(
    folder: RunFolder,
    record: Record,
    estimator: AbstractTrainedSolver,
    evaluation: Evaluation,
    problem: AbstractProblem | None,
) -> None:
    """Write the page that a colleague can open."""
    from retrodict.report import write

    write(_content(record, estimator, evaluation, problem), folder.report, force=True)


def _content(
    record: Record,
    estimator: AbstractTrainedSolver,
    evaluation: Evaluation,
    problem: AbstractProblem | None,
) -> ReportContent:
    from retrodict.report import ReportContent

    comparison = evaluation.comparison
    num = min(NUM_COMPARED, len(evaluation.held_out.x))
    shown = tuple(range(min(_NUM_SHOWN, num)))
    draws = evaluation.draws[:num] if comparison is None else comparison.draws
    truth = evaluation.held_out.x[:num]
    return ReportContent(
        title=_title(record),
        description=problem.description if problem is not None else _about_table(record),
        parameters=evaluation.parameters,
        observables=evaluation.observables,
        history=estimator.history_,
        outcome=estimator.outcome_.sentence,
        truth=truth,
        draws=draws,
        observations=evaluation.held_out.y[:num],
        resimulated=None if comparison is None else comparison.resimulated,
        exact=None
        if comparison is None or comparison.exact is None
        else comparison.exact[: len(shown)],
        shown=shown,
        verdict=evaluation.verdict,
        calibration=evaluation.calibration,
        sbc=evaluation.ranks,
        # Of the pairs that the page shows, so that picture and sentence agree.
        recovery=recovery(draws, truth, names=names_of(evaluation.parameters)),
        modes=None if isinstance(evaluation.modes, Unanswered) else evaluation.modes,
        sensitivity=None
        if isinstance(evaluation.sensitivity, Unanswered)
        else evaluation.sensitivity,
        resimulation_result=None if comparison is None else comparison.resimulation,
        metrics=_headline(estimator, evaluation),
        facts=_facts(record, estimator, evaluation),
        commands=(record.command,),
    )


def _title(record: Record) -> str:
    settings = record.settings
    if "problem" in settings:
        return str(settings["problem"])
    effects = [label.partition(" [")[0] for label in settings["observables"]]
    return f"Causes of {', '.join(effects)}"


def _about_table(record: Record) -> str:
    return (
        f"Learned from the pairs in {record.settings['table']}. They came as a table, without a "
        "simulator, so that nothing can be simulated again or compared with an exact posterior."
    )


def _headline(estimator: AbstractTrainedSolver, evaluation: Evaluation) -> dict[str, float | str]:
    numbers: dict[str, float | str] = {"calibration_error": evaluation.calibration.error}
    comparison = evaluation.comparison
    if comparison is not None and comparison.mismatch is not None:
        numbers["mmd_mean"] = comparison.mismatch.mean
        numbers["mmd_median"] = comparison.mismatch.median
    if comparison is not None:
        numbers["resimulation_mean"] = comparison.resimulation.mean
    numbers["sbc_smallest_p_value"] = float(evaluation.ranks.p_values.min())
    numbers["validation_loss"] = float(estimator.history_["validation_loss"].min())
    for name, value in zip(evaluation.recovery.names, evaluation.recovery.r_squared, strict=True):
        numbers[f"r_squared_of_{name}"] = float(value)
    return numbers


def _facts(
    record: Record, estimator: AbstractTrainedSolver, evaluation: Evaluation
) -> dict[str, str]:
    settings = record.settings
    facts = {
        name.replace("_", " "): str(settings[name])
        for name in ("problem", "table", "num_simulations", "num_rows", "seed")
        if name in settings
    }
    facts["held-out pairs"] = str(len(evaluation.held_out.x))
    facts["solver"] = f"{type(estimator).__name__} ({estimator.num_parameters_:,} weights)"
    facts["settings"] = ", ".join(
        f"{name}={value}" for name, value in estimator.get_params().items()
    )
    facts["training time"] = f"{estimator.history_['seconds'].iloc[-1]:.1f} s"
    facts["versions"] = ", ".join(f"{name} {text}" for name, text in record.versions.items())
    facts["machine"] = (
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )
    return facts
