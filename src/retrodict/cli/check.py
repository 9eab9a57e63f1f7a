"""`retrodict check`: can this posterior be believed?"""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrodict.cli import options
from retrodict.cli.console import answer, answer_json, say

if TYPE_CHECKING:
    from retrodict.budget import Projection
    from retrodict.solvers import AbstractTrainedSolver

EXIT_NOT_TRUSTED = 1
_WANTED = 0.01


def check(
    run: options.Run,
    num_draws: Annotated[
        int, typer.Option("--num-draws", help="Per held-out observation.", min=20)
    ] = 300,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Keep what repairs draws, for `sample --repaired`."),
    ] = False,
    curve: Annotated[
        Path | None,
        typer.Option(
            "--curve",
            help="Folder of a learning curve of this solver; tells how many simulations help.",
            metavar="FOLDER",
        ),
    ] = None,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Tell whether a posterior can be believed, why, and what to do.

    Trust, trust with repair, or do not trust: from all tests of calibration together, on pairs
    that training has never seen.

    With `--repair`, the held-out pairs also recalibrate the draws of each parameter, and what
    was learned is kept in the run folder for `retrodict sample RUN --repaired`. Shares "after"
    are of pairs that did not take part.

    Exits with 0 if it can be trusted as it is (or, with `--repair`, as repaired), 1 if not, 2 if
    the question could not be answered.

    Examples:
      retrodict check runs/inverse-kinematics
      retrodict check runs/inverse-kinematics --json
      retrodict check runs/concrete --repair
      retrodict check runs/two-moons --curve runs/curve-two-moons
    """
    from retrodict.cli.evaluate import evaluate
    from retrodict.cli.repaired import keep_repair, repair_of, sentences_about
    from retrodict.cli.trained_run import open_run
    from retrodict.judgement import Trust

    trained = open_run(run)
    evaluation = evaluate(
        trained.estimator,
        trained.held_out,
        trained.problem,
        seed=seed,
        num_draws=num_draws,
        projection=None if curve is None else _projection(curve, trained.estimator),
    )
    trust, passed = evaluation.verdict.trust, evaluation.passed
    if not json:
        answer("\n".join(evaluation.sentences))
    numbers = evaluation.to_dict()
    if repair:
        calibration = repair_of(evaluation)
        keep_repair(trained.folder, calibration)
        passed = trust is not Trust.NO and evaluation.is_inverted
        numbers["repair"] = {
            **calibration.summary_.to_dict(),
            "highest_level": calibration.highest_level_,
            "passed": passed,
        }
        if not json:
            answer("\n".join(sentences_about(calibration)))
        say(f"repair: {trained.folder.repair}")
    elif trust is Trust.WITH_REPAIR:
        say(f"To repair it: retrodict check {shlex.quote(str(run))} --repair")
    if json:
        answer_json(numbers)
    if not passed:
        raise typer.Exit(EXIT_NOT_TRUSTED)


def _projection(curve: Path, estimator: "AbstractTrainedSolver") -> "Projection":
    """How many simulations reach a calibration error of 1 %, from a curve of the same solver."""
    from retrodict.budget import project, read_points
    from retrodict.errors import ConfigurationError

    solver, points = read_points(curve)
    if solver != type(estimator).__name__:
        raise ConfigurationError(
            f"The learning curve in `{curve}` is of {solver}; this model is a "
            f"{type(estimator).__name__}.",
            "Make one with the same solver: `retrodict curve PROBLEM --solver NAME`.",
        )
    return project(points, _WANTED)
