"""From an evaluation to `metrics.json` and `report.html`."""

import platform
from collections.abc import Sequence
from typing import Any, TypeVar

import jax

from retrodict.cli.evaluate import Evaluation, Unanswered, predictive_check
from retrodict.cli.run_folder import Record, RunFolder
from retrodict.comparison.against_problem import (
    NUM_COMPARED,
    NUM_COMPARED_DRAWS,
    AgainstProblem,
    posterior_draws,
    simulated_again,
)
from retrodict.diagnostics import PosteriorPredictiveCheck
from retrodict.problems.base import AbstractProblem
from retrodict.report import ReportContent
from retrodict.solvers import AbstractTrainedSolver

_NUM_SHOWN = 3
# Apart from the key of `against_problem`, so that other simulations are shown.
_SHOWN_AGAIN = 0x5EE

_FACTS = {
    "problem": "problem",
    "table": "table",
    "num_simulations": "simulations to train on",
    "online": "simulated while training",
    "max_steps": "batches to train on",
    "num_rows": "rows of the table",
    "seed": "seed",
}

_Result = TypeVar("_Result")


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
    from retrodict.report.priors import prior_in_words

    comparison = evaluation.comparison
    num = min(NUM_COMPARED, len(evaluation.held_out.x))
    shown = tuple(range(min(_NUM_SHOWN, num)))
    draws = (
        posterior_draws(estimator, evaluation.held_out.y[:num], NUM_COMPARED_DRAWS, seed=1)
        if comparison is None
        else comparison.draws
    )
    return ReportContent(
        title=_title(record),
        description=problem.description if problem is not None else _about_table(record),
        data=_about_data(record, estimator, evaluation),
        parameters=evaluation.parameters,
        observables=evaluation.observables,
        priors=() if problem is None else prior_in_words(problem.prior),
        tested_x=evaluation.held_out.x,
        tested_y=evaluation.held_out.y,
        tested_draws=evaluation.draws,
        history=estimator.history_,
        outcome=estimator.outcome_.sentence,
        truth=evaluation.held_out.x[:num],
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
        z_scores=_known(evaluation.z_scores),
        recovery=evaluation.recovery,
        modes=_known(evaluation.modes),
        sensitivity=_known(evaluation.sensitivity),
        misspecification=_known(evaluation.misspecification),
        resimulation_result=None if comparison is None else comparison.resimulation,
        predictive=_known(evaluation.predictive),
        shown_predictive=()
        if comparison is None or problem is None
        else _replicated(problem, comparison, evaluation, shown),
        unanswered=[str(each) for each in _unanswered(evaluation)],
        metrics=_headline(estimator, evaluation),
        facts=_facts(record, estimator, evaluation),
        commands=(record.command,),
    )


def _known(answer: _Result | Unanswered) -> _Result | None:
    return None if isinstance(answer, Unanswered) else answer


def _unanswered(evaluation: Evaluation) -> list[Unanswered]:
    answers = (
        evaluation.z_scores,
        evaluation.modes,
        evaluation.sensitivity,
        evaluation.misspecification,
        evaluation.predictive,
    )
    return [answer for answer in answers if isinstance(answer, Unanswered)]


def _replicated(
    problem: AbstractProblem,
    comparison: AgainstProblem,
    evaluation: Evaluation,
    shown: Sequence[int],
) -> tuple[PosteriorPredictiveCheck, ...]:
    """The posterior predictive check of each shown observation, with all draws that are shown."""
    draws = comparison.draws[: len(shown)]
    key = jax.random.fold_in(jax.random.key(0), _SHOWN_AGAIN)
    again = simulated_again(problem, key, draws)
    return tuple(
        predictive_check(again[[i]], evaluation.held_out.y[[i]], evaluation.observables, 0)
        for i in shown
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


def _about_data(record: Record, estimator: AbstractTrainedSolver, evaluation: Evaluation) -> str:
    source = "simulated pairs" if "problem" in record.settings else "rows of the table"
    return (
        f"Trained on {estimator.num_rows_:,} {source}, tested on {len(evaluation.held_out.x):,} "
        "others."
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
    facts = {label: str(settings[name]) for name, label in _FACTS.items() if name in settings}
    if estimator.num_diverged_:
        facts["simulations left out, because they diverged"] = f"{estimator.num_diverged_:,}"
    facts["held-out pairs"] = str(len(evaluation.held_out.x))
    facts["solver"] = f"{type(estimator).__name__} ({estimator.num_parameters_:,} weights)"
    facts["settings; all others follow from the data"] = ", ".join(
        f"{name}={value}" for name, value in estimator.get_params().items() if value is not None
    )
    facts["training time"] = f"{estimator.history_['seconds'].iloc[-1]:.1f} s"
    facts["versions"] = ", ".join(f"{name} {text}" for name, text in record.versions.items())
    facts["machine"] = (
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )
    return facts
