"""Options that several commands have in common."""

from pathlib import Path
from typing import Annotated, Any

import typer

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Folder to write; runs/NAME by default.", metavar="FOLDER"),
]
Force = Annotated[bool, typer.Option("--force", help="Replace an older run in that folder.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue a run that was cut short, exactly.")
]
Seed = Annotated[int, typer.Option("--seed", help="Of everything random.", min=0)]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
NumSimulations = Annotated[int, typer.Option("--num-simulations", "-n", help="To train on.", min=1)]
NumHeldOut = Annotated[
    int, typer.Option("--num-held-out", help="Further simulations, to check with.", min=20)
]
Solver = Annotated[
    str,
    typer.Option("--solver", help="How the posterior is learned.", metavar="NAME"),
]
Flow = Annotated[
    str | None,
    typer.Option("--flow", help="Architecture; chosen by measurement by default.", metavar="NAME"),
]
NumMembers = Annotated[
    int | None,
    typer.Option(
        "--num-members",
        help="Flows whose mixture is the posterior; by the number of rows by default.",
        min=1,
    ),
]
MaxEpochs = Annotated[
    int | None, typer.Option("--max-epochs", help="Most passes over the data.", min=1)
]
MaxSeconds = Annotated[
    float | None, typer.Option("--max-seconds", help="Most time to train for.", min=0.0)
]
BatchSize = Annotated[int | None, typer.Option("--batch-size", help="Pairs per step.", min=1)]
LearningRate = Annotated[
    float | None, typer.Option("--learning-rate", help="At its highest.", min=0.0)
]
Patience = Annotated[
    int | None,
    typer.Option(
        "--patience", help="Epochs without a better held-out loss before stopping.", min=1
    ),
]
Run = Annotated[
    Path,
    typer.Argument(help="Folder written by `run` or `fit`.", metavar="RUN", show_default=False),
]
NumDraws = Annotated[int, typer.Option("--num-draws", help="Per observation.", min=1)]


def given(**settings: Any) -> dict[str, Any]:
    """Those settings that were given; the others are left to the solver's defaults."""
    return {name: value for name, value in settings.items() if value is not None}
