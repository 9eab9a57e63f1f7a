"""`retrodict run`: from a problem to a checked posterior."""

from pathlib import Path
from typing import Annotated, Any

import typer

from retrodict.cli import options


def run(
    problem: Annotated[
        str,
        typer.Argument(
            help="Name, as `retrodict problems` lists it.", metavar="PROBLEM", show_default=False
        ),
    ],
    num_simulations: options.NumSimulations = 100_000,
    num_held_out: options.NumHeldOut = 2000,
    output: options.Output = None,
    seed: options.Seed = 0,
    solver: options.Solver = "conditional-flow",
    flow: options.Flow = None,
    max_epochs: options.MaxEpochs = None,
    max_seconds: options.MaxSeconds = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    patience: options.Patience = None,
    force: options.Force = False,
    resume: options.Resume = False,
    json: options.Json = False,
) -> None:
    """Simulate a problem, learn its posterior, check it.

    Prints the folder that then holds the model, the numbers and a report. Ctrl-C keeps the
    best model so far; `--resume` goes on from there.

    Examples:
      retrodict run inverse-kinematics
      retrodict run two-moons -n 10000 --output runs/moons
      retrodict run two-moons -n 10000 --output runs/moons --resume
    """
    from retrodict.cli.console import say
    from retrodict.cli.job import Job, carry_out
    from retrodict.cli.trainable import get_trainable
    from retrodict.comparison.against_problem import held_out_pairs
    from retrodict.problems import get_problem
    from retrodict.solvers import AbstractTrainedSolver

    chosen = get_problem(problem)
    model_settings = options.given(
        flow=flow,
        max_epochs=max_epochs,
        max_seconds=max_seconds,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
    )
    estimator = get_trainable(solver, random_state=seed, **model_settings)

    def train(progress: Any, checkpoint: Path) -> AbstractTrainedSolver:
        say(f"simulating {problem} {num_simulations:,} times")
        return estimator.fit_problem(
            chosen, num_simulations=num_simulations, progress=progress, checkpoint=checkpoint
        )

    job = Job(
        settings={
            "problem": problem,
            "num_simulations": num_simulations,
            "num_held_out": num_held_out,
            "seed": seed,
            "solver": solver,
            "model": model_settings,
        },
        estimator=estimator,
        train=train,
        held_out=lambda: held_out_pairs(chosen, num_held_out, seed),
        problem=chosen,
    )
    carry_out(
        job,
        output or Path("runs") / problem,
        force=force,
        resume=resume,
        json=json,
    )
