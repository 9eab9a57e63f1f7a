"""`retrodict curve`: how many simulations are enough?"""

from pathlib import Path
from typing import Annotated

import typer

from retrodict.cli import EXIT_INTERRUPTED, options


def curve(
    problem: Annotated[
        str,
        typer.Argument(
            help="Name, as `retrodict problems` lists it.", metavar="PROBLEM", show_default=False
        ),
    ],
    solver: Annotated[
        str,
        typer.Option(
            "--solver",
            help="What to train, with its main choice after a colon.",
            metavar="NAME[:CHOICE]",
        ),
    ] = "conditional-flow",
    num_simulations: options.NumSimulations = 16_000,
    size: Annotated[
        list[int] | None,
        typer.Option(
            "--size",
            help="Simulations of a point; may be given several times. Halves of halves of all "
            "of them by default, five points.",
            min=1,
        ),
    ] = None,
    num_held_out: options.NumHeldOut = 1000,
    wanted: Annotated[
        float,
        typer.Option("--wanted", help="Calibration error whose budget is projected."),
    ] = 0.01,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder to write; runs/curve-PROBLEM by default.",
            metavar="FOLDER",
        ),
    ] = None,
    seed: options.Seed = 0,
    max_epochs: options.MaxEpochs = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an older curve in that folder.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on where a curve was cut short; further sizes may be added."
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Project how many simulations are enough.

    Trains one solver on nested subsets of the same simulations. Each point is kept as soon as it
    is finished: `--resume` goes on after Ctrl-C. The folder then holds the table (Markdown, CSV)
    and a picture.

    Examples:
      retrodict curve two-moons
      retrodict curve inverse-kinematics -n 100000 --solver flow-matching --wanted 0.005
      retrodict curve two-moons --size 1000 --size 4000 --size 16000 --resume
    """
    import jax

    from retrodict.budget import learning_curve
    from retrodict.cli.console import answer, answer_json, say
    from retrodict.cli.progress import training_progress
    from retrodict.cli.typed import command
    from retrodict.comparison import get_method
    from retrodict.comparison.against_problem import held_out_pairs
    from retrodict.problems import get_problem
    from retrodict.problems.valid import valid_simulations

    chosen = get_problem(problem)
    method = get_method(solver, **options.given(max_epochs=max_epochs))
    folder = output or Path("runs") / f"curve-{problem}"
    num = max(size) if size else num_simulations
    say(f"simulating {problem} {num:,} times")
    x, y, _ = valid_simulations(chosen, jax.random.key(seed), num)
    try:
        found = learning_curve(
            method,
            x,
            y,
            held_out_pairs(chosen, num_held_out, seed),
            sizes=size,
            wanted=wanted,
            seed=seed,
            parameters=chosen.parameters,
            observables=chosen.observables,
            folder=folder,
            force=force,
            resume=resume,
            command=command(),
            progress=training_progress,
            tell=say,
        )
    except KeyboardInterrupt:
        say(f"To continue: {command()} --resume")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    picture = found.write(folder)
    if json:
        answer_json(found.to_dict())
    else:
        answer(found.to_markdown())
    say(f"picture: {picture}")
