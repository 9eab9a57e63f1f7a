"""`retrodict check`: can this posterior be believed?"""

import shlex
from typing import Annotated

import typer

from retrodict.cli import options
from retrodict.cli.console import answer, answer_json, say

EXIT_NOT_TRUSTED = 1


def check(
    run: options.Run,
    num_draws: Annotated[
        int, typer.Option("--num-draws", help="Per held-out observation.", min=20)
    ] = 300,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Keep what repairs draws, for `sample --repaired`."),
    ] = False,
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
    """
    from retrodict.cli.evaluate import evaluate
    from retrodict.cli.repaired import keep_repair, repair_of, sentences_about
    from retrodict.cli.trained_run import open_run
    from retrodict.judgement import Trust

    trained = open_run(run)
    evaluation = evaluate(
        trained.estimator, trained.held_out, trained.problem, seed=seed, num_draws=num_draws
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
