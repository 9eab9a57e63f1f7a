"""`retrodict check`: can this posterior be believed?"""

from typing import Annotated

import typer

from retrodict.cli import options
from retrodict.cli.console import answer, answer_json

EXIT_NOT_TRUSTED = 1


def check(
    run: options.Run,
    num_draws: Annotated[
        int, typer.Option("--num-draws", help="Per held-out observation.", min=20)
    ] = 300,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Tell whether a posterior can be believed, why, and what to do.

    Trust, trust with repair, or do not trust: from all tests of calibration together, on pairs
    that training has never seen.

    Exits with 0 if it can be trusted as it is, 1 if not, 2 if the question could not be answered.

    Examples:
      retrodict check runs/inverse-kinematics
      retrodict check runs/inverse-kinematics --json
    """
    from retrodict.cli.evaluate import evaluate
    from retrodict.cli.trained_run import open_run

    trained = open_run(run)
    evaluation = evaluate(
        trained.estimator, trained.held_out, trained.problem, seed=seed, num_draws=num_draws
    )
    if json:
        answer_json(evaluation.to_dict())
    else:
        answer("\n".join(evaluation.sentences))
    if not evaluation.passed:
        raise typer.Exit(EXIT_NOT_TRUSTED)
