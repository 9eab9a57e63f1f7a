"""`retrodict compare`: several solvers on one problem, one table."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrodict.cli import EXIT_INTERRUPTED, options

if TYPE_CHECKING:
    from retrodict.training import Progress

EXIT_SOME_FAILED = 1
_EXIT_ALL_FAILED = 2


def compare(
    problem: Annotated[
        str,
        typer.Argument(
            help="Name, as `retrodict problems` lists it.", metavar="PROBLEM", show_default=False
        ),
    ],
    solver: Annotated[
        list[str] | None,
        typer.Option(
            "--solver",
            help="A row of the table, with its main choice after a colon; may be given several "
            "times. All that can work on the problem by default.",
            metavar="NAME[:CHOICE]",
        ),
    ] = None,
    num_simulations: options.NumSimulations = 100_000,
    num_held_out: options.NumHeldOut = 1000,
    num_c2st: Annotated[
        int,
        typer.Option(
            "--num-c2st", help="Observations for the two-sample classifier, which is slow.", min=0
        ),
    ] = 5,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder to write; runs/compare-PROBLEM by default.",
            metavar="FOLDER",
        ),
    ] = None,
    seed: options.Seed = 0,
    max_epochs: options.MaxEpochs = None,
    max_seconds: Annotated[
        float | None,
        typer.Option("--max-seconds", help="Most time to train each solver for.", min=0.0),
    ] = None,
    processes: Annotated[
        int,
        typer.Option(
            "--processes",
            help="Solvers at a time, each in a process of its own. They share the machine, so "
            "that times are longer than alone.",
            min=1,
        ),
    ] = 1,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an older comparison in that folder.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on where a comparison was cut short; failed solvers are tried again, "
            "further ones may be added.",
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Train several solvers on the same simulations, measure them alike.

    Prints the table; the folder then holds it as Markdown, CSV, JSON and a page with pictures.
    Each solver's row is kept as soon as it is finished: `--resume` goes on after Ctrl-C.

    Exits with 0 if every solver finished, 1 if some failed (their rows say why), 2 if all did.

    Examples:
      retrodict compare inverse-kinematics
      retrodict compare two-moons -n 10000 --solver conditional-flow:maf --solver flow-matching
      retrodict compare inverse-kinematics --processes 2 --resume
    """
    from retrodict.cli.console import answer, answer_json, say
    from retrodict.cli.progress import training_progress
    from retrodict.cli.typed import command
    from retrodict.comparison import (
        ComparisonInterrupted,
        compare as compare_solvers,
        get_method,
        usual_methods,
    )
    from retrodict.problems import get_problem

    chosen = get_problem(problem)
    names = tuple(dict.fromkeys(solver)) if solver else usual_methods(chosen)
    limits = options.given(max_epochs=max_epochs, max_seconds=max_seconds)
    solvers = {name: get_method(name, **limits) for name in names}
    folder = output or Path("runs") / f"compare-{problem}"
    progress: Callable[[], Progress] | None = training_progress if processes == 1 else None
    try:
        comparison = compare_solvers(
            chosen,
            solvers,
            num_simulations=num_simulations,
            num_held_out=num_held_out,
            num_c2st=num_c2st,
            seed=seed,
            folder=folder,
            force=force,
            resume=resume,
            processes=processes,
            command=command(),
            progress=progress,
            tell=say,
        )
    except ComparisonInterrupted as interrupted:
        say(f"interrupted; {len(interrupted.finished.rows)} of {len(solvers)} rows are finished")
        say(f"To continue: {command()} --resume")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    page = comparison.write(folder)
    if json:
        answer_json(comparison.to_dict())
    else:
        answer(comparison.to_markdown())
    say(f"page: {page}")
    if len(comparison.failed) == len(comparison.rows):
        raise typer.Exit(_EXIT_ALL_FAILED)
    if comparison.failed:
        raise typer.Exit(EXIT_SOME_FAILED)
