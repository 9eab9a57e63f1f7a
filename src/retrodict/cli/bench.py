"""`retrodict bench`: a solver on the tasks of the field, beside published results."""

import re
from pathlib import Path
from typing import Annotated

import typer

from retrodict.cli import EXIT_INTERRUPTED, options
from retrodict.errors import ConfigurationError

EXIT_SOME_FAILED = 1
_EXIT_ALL_FAILED = 2
_SUITE = "sbibm"


def bench(
    suite: Annotated[
        str,
        typer.Argument(help="The benchmark: sbibm.", metavar="BENCHMARK", show_default=False),
    ],
    budgets: Annotated[
        str,
        typer.Option("--budgets", help="Numbers of simulations.", metavar="N,N,..."),
    ] = "1e3,1e4,1e5",
    tasks: Annotated[
        str | None,
        typer.Option(
            "--tasks",
            help="Problems with reference posteriors; all of them by default.",
            metavar="NAME,NAME,...",
        ),
    ] = None,
    observations: Annotated[
        str,
        typer.Option("--observations", help="Those to judge by, of ten.", metavar="I-J,K,..."),
    ] = "1-10",
    solver: Annotated[
        str,
        typer.Option(
            "--solver",
            help="What to train, with its main choice after a colon; all else is its default.",
            metavar="NAME[:CHOICE]",
        ),
    ] = "conditional-flow",
    seeds: Annotated[
        str,
        typer.Option("--seeds", help="One fit for each.", metavar="I-J,K,..."),
    ] = "1",
    num_draws: Annotated[
        int,
        typer.Option(
            "--num-draws", help="From each posterior; published numbers are from 10,000.", min=1
        ),
    ] = 10_000,
    fast_c2st: Annotated[
        bool,
        typer.Option(
            "--fast-c2st",
            help="Judge by a faster classifier, which agrees with that of published numbers to "
            "about .01.",
        ),
    ] = False,
    processes: Annotated[
        int | None,
        typer.Option(
            "--processes",
            help="Observations to judge at a time; as many as there are cores by default. "
            "Training has the machine to itself.",
            min=1,
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder to write; runs/bench-BENCHMARK by default.",
            metavar="FOLDER",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an older benchmark in that folder.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on where a benchmark was cut short; tasks, budgets, observations and seeds "
            "may be added.",
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Judge a solver on the tasks of the field, beside published results.

    For each task and budget one fit with the solver's defaults, judged on ten observations with
    10,000 reference draws each. Prints the table; the folder then holds it as Markdown, CSV and
    JSON, and a page with a picture. Each fit and each judged observation is kept as soon as it
    is done: `--resume` goes on after Ctrl-C.

    Exits with 0 if everything finished, 1 if something failed (the table says why), 2 if all did.

    Examples:
      retrodict bench sbibm
      retrodict bench sbibm --budgets 1e3 --tasks two-moons,slcp --fast-c2st
      retrodict bench sbibm --solver flow-matching --output flow-matching --resume
    """
    from joblib import cpu_count

    from retrodict.bench import BenchInterrupted, sbibm
    from retrodict.cli.console import answer, answer_json, say
    from retrodict.cli.progress import training_progress
    from retrodict.cli.typed import command

    if suite != _SUITE:
        raise ConfigurationError(
            f"There is no benchmark named `{suite}`.", f"`retrodict bench {_SUITE}` is the one."
        )
    folder = output or Path("runs") / f"bench-{suite}"
    try:
        found = sbibm(
            solver,
            tasks=None if tasks is None else _words(tasks),
            budgets=[_budget(word) for word in _words(budgets)],
            observations=_numbers("--observations", observations),
            seeds=_numbers("--seeds", seeds),
            num_draws=num_draws,
            fast_c2st=fast_c2st,
            processes=processes or cpu_count(),
            folder=folder,
            force=force,
            resume=resume,
            command=command(),
            progress=training_progress,
            tell=say,
        )
    except BenchInterrupted as interrupted:
        say(
            f"interrupted; {interrupted.num_finished} of {interrupted.num_rows} observations are "
            "finished"
        )
        say(f"To continue: {command()} --resume")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    page = found.write(folder)
    if json:
        answer_json(found.to_dict())
    else:
        answer(found.to_markdown())
    say(f"page: {page}")
    if len(found.failed) == len(found.rows):
        raise typer.Exit(_EXIT_ALL_FAILED)
    if found.failed:
        raise typer.Exit(EXIT_SOME_FAILED)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _budget(word: str) -> int:
    try:
        value = float(word)
    except ValueError:
        value = 0.0
    if not 1 <= value <= 1e12 or value != int(value):
        raise ConfigurationError(
            f"`--budgets` takes whole numbers of simulations; got `{word}`.",
            "For example: --budgets 1e3,1e4,1e5",
        )
    return int(value)


def _numbers(option: str, text: str) -> list[int]:
    """`1-3,7` as 1, 2, 3, 7."""
    found: list[int] = []
    for word in _words(text):
        match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", word)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last <= first + 999:
            raise ConfigurationError(
                f"`{option}` takes numbers and ranges of them; got `{word}`.",
                f"For example: {option} 1-3,7",
            )
        found += range(first, last + 1)
    return found
