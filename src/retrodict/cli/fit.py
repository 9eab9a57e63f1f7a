"""`retrodict fit`: from a table of pairs to a checked posterior."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from retrodict.cli import options
from retrodict.cli.console import say
from retrodict.errors import ConfigurationError, TooFewRowsError
from retrodict.variables import Variable, names_of

_FEWEST_HELD_OUT = 20
_EVERY_CAUSE = "*"


def fit(
    table: Annotated[
        Path,
        typer.Argument(
            help="CSV, TSV, white-space separated text, Parquet or NPZ.",
            metavar="TABLE",
            show_default=False,
        ),
    ],
    x: Annotated[
        str,
        typer.Option(
            "--x", help="Columns of the causes to find, units in brackets.", metavar="A,B[kg]"
        ),
    ],
    y: Annotated[
        str,
        typer.Option("--y", help="Columns of the effects to observe.", metavar="C[MPa],D"),
    ],
    names: Annotated[
        str | None,
        typer.Option("--names", help="All columns, where the table has no header.", metavar="A,B"),
    ] = None,
    bounds: Annotated[
        str | None,
        typer.Option(
            "--bounds",
            help="What is possible; no draw leaves it. `*` stands for every cause. Without a "
            "word, a cause that is never negative in the table has the lower bound 0.",
            metavar="A=0:600,B=0:",
        ),
    ] = None,
    test_fraction: Annotated[
        float,
        typer.Option("--test-fraction", help="Share of rows kept for the check.", min=0.0, max=0.9),
    ] = 0.1,
    output: options.Output = None,
    seed: options.Seed = 0,
    solver: options.Solver = "conditional-flow",
    flow: options.Flow = None,
    num_members: options.NumMembers = None,
    max_epochs: options.MaxEpochs = None,
    max_seconds: options.MaxSeconds = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    patience: options.Patience = None,
    force: options.Force = False,
    resume: options.Resume = False,
    json: options.Json = False,
) -> None:
    """Learn a posterior from a table of pairs, check it.

    Some columns are causes to be found (`--x`), others effects to be observed (`--y`). Prints
    the folder that then holds the model, the numbers and a report. Ctrl-C keeps the best
    model so far; `--resume` goes on from there.

    Examples:
      retrodict fit experiments.csv --x pressure[bar],speed --y yield
      retrodict fit mixes.csv --x cement,water,slag --y strength,age --bounds '*=0:'
      retrodict fit data.txt --names cement,age,strength --x cement --y strength,age
    """
    import numpy as np

    from retrodict.cli.job import Job, carry_out
    from retrodict.cli.trainable import get_trainable
    from retrodict.comparison.against_problem import HeldOut
    from retrodict.solvers import AbstractTrainedSolver
    from retrodict.tables import as_matrix, parse_names_and_units, read_table, select_columns

    columns = parse_names_and_units(names) if names is not None else None
    frame = read_table(table, None if columns is None else [name for name, _ in columns])
    parameters, observables = _variables(x, y, dict(columns or []), bounds)
    causes = as_matrix(select_columns(frame, names_of(parameters)), "x", parameters).values
    effects = as_matrix(select_columns(frame, names_of(observables)), "y", observables).values
    parameters = _never_negative(parameters, causes, bounds)

    order = np.random.default_rng(seed).permutation(len(frame))
    num_held_out = round(test_fraction * len(frame))
    if num_held_out < _FEWEST_HELD_OUT:
        raise TooFewRowsError(
            f"{num_held_out} of {len(frame)} rows would be kept for the check; it needs at "
            f"least {_FEWEST_HELD_OUT}.",
            "Raise `--test-fraction`, or bring more rows.",
        )
    kept, used = np.sort(order[:num_held_out]), np.sort(order[num_held_out:])
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

    def held_out() -> HeldOut:
        return HeldOut(causes[kept], effects[kept])

    def train(progress: Any, checkpoint: Path) -> AbstractTrainedSolver:
        return estimator.fit(
            causes[used],
            effects[used],
            parameters=parameters,
            observables=observables,
            progress=progress,
            checkpoint=checkpoint,
        )

    job = Job(
        settings={
            "table": str(table),
            "sha256": hashlib.sha256(table.read_bytes()).hexdigest(),
            "num_rows": len(frame),
            "parameters": [variable.label for variable in parameters],
            "observables": [variable.label for variable in observables],
            "bounds": bounds,
            "names": names,
            "test_fraction": test_fraction,
            "seed": seed,
            "solver": solver,
            "model": model_settings,
        },
        estimator=estimator,
        train=train,
        held_out=held_out,
    )
    carry_out(
        job,
        output or Path("runs") / table.name.split(".")[0],
        force=force,
        resume=resume,
        json=json,
    )


def _never_negative(
    parameters: tuple[Variable, ...], causes: Any, bounds: str | None
) -> tuple[Variable, ...]:
    """Causes without stated bounds that are never negative in the table stay so: masses, times."""
    from retrodict.tables import parse_bounds

    stated = parse_bounds(bounds) if bounds is not None else {}
    new = tuple(
        variable
        if variable.name in stated or _EVERY_CAUSE in stated or smallest < 0
        else replace(variable, lower=0.0)
        for variable, smallest in zip(parameters, causes.min(axis=0), strict=True)
    )
    changed = [after.name for before, after in zip(parameters, new, strict=True) if before != after]
    if changed:
        say(
            f"never negative in the table, so never negative in a draw: {', '.join(changed)} "
            f"(otherwise --bounds '{changed[0]}=:')"
        )
    return new


def _variables(
    x: str, y: str, units: dict[str, str], bounds: str | None
) -> tuple[tuple[Variable, ...], tuple[Variable, ...]]:
    """The causes and the effects as typed, with units and bounds."""
    from retrodict.tables import parse_bounds, parse_names_and_units, variables_of

    causes, effects = (
        [(name, unit or units.get(name, "")) for name, unit in parse_names_and_units(text)]
        for text in (x, y)
    )
    both = sorted({name for name, _ in causes} & {name for name, _ in effects})
    if both:
        raise ConfigurationError(
            f"A column is either a cause or an effect; both in `--x` and `--y`: {', '.join(both)}.",
            "Leave it out of one of them.",
        )
    typed = parse_bounds(bounds) if bounds is not None else {}
    everywhere = typed.pop(_EVERY_CAUSE, None)
    limits = {**({name: everywhere for name, _ in causes} if everywhere else {}), **typed}
    variables = variables_of([*causes, *effects], limits)
    return variables[: len(causes)], variables[len(causes) :]
