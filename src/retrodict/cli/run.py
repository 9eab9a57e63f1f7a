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
    num_simulations: Annotated[
        int | None,
        typer.Option("--num-simulations", "-n", help="To train on.", min=1, show_default="100000"),
    ] = None,
    online: Annotated[
        bool,
        typer.Option(
            "--online",
            help="Simulate while training, for --max-seconds, --max-steps or -n simulations.",
        ),
    ] = False,
    num_held_out: options.NumHeldOut = 2000,
    output: options.Output = None,
    seed: options.Seed = 0,
    solver: options.Solver = "conditional-flow",
    flow: options.Flow = None,
    num_members: options.NumMembers = None,
    max_epochs: options.MaxEpochs = None,
    max_steps: Annotated[
        int | None,
        typer.Option("--max-steps", help="Batches to train on, with --online.", min=1),
    ] = None,
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
      retrodict run two-moons --online --max-seconds 60
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
        num_members=num_members,
        max_epochs=max_epochs,
        max_seconds=max_seconds,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
    )
    estimator = get_trainable(solver, random_state=seed, **model_settings)
    if num_simulations is None and not online:
        num_simulations = 100_000
    simulated = options.given(
        num_simulations=num_simulations, online=online or None, max_steps=max_steps
    )

    def train(progress: Any, checkpoint: Path) -> AbstractTrainedSolver:
        how_often = "while training" if online else f"{num_simulations:,} times"
        say(f"simulating {problem} {how_often}")
        return estimator.fit_problem(chosen, progress=progress, checkpoint=checkpoint, **simulated)

    job = Job(
        settings={
            "problem": problem,
            **simulated,
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
