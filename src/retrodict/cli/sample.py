"""`retrodict sample`: every cause that could have produced an observation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from retrodict.cli import options
from retrodict.cli.console import answer, answer_json, say
from retrodict.errors import ConfigurationError
from retrodict.variables import Variable, names_of


def sample(
    run: options.Run,
    y: Annotated[
        str | None,
        typer.Option(
            "--y", help="One observation: each observable and its value.", metavar="C=60,D=28"
        ),
    ] = None,
    observations: Annotated[
        Path | None,
        typer.Option("--observations", help="Table with a row per observation.", metavar="FILE"),
    ] = None,
    num_draws: options.NumDraws = 1000,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write the draws there instead: .csv, .tsv, .parquet or .npz.",
            metavar="FILE",
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", help="Draw the posterior: .png or .svg.", metavar="FILE"),
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="Mean, spread and quantiles instead of draws.")
    ] = False,
    repaired: Annotated[
        bool, typer.Option("--repaired", help="As repaired by `check --repair`, which comes first.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Of the draws; that of the run by default.", min=0)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
    json: options.Json = False,
) -> None:
    """Draw the causes of one observation or of many.

    Prints a table with a column per cause; of many observations, with their row number. With
    `--repaired`, draws are moved so that intervals hold the truth as often as they say, and
    `--summary` has the ends of guaranteed intervals: `low80` and `high80` for 80 %.

    Examples:
      retrodict sample runs/concrete --y strength=60,age=28
      retrodict sample runs/concrete --y strength=60,age=28 --picture mixes.png -o mixes.csv
      retrodict sample runs/concrete --observations wanted.csv --num-draws 200 --json
      retrodict sample runs/concrete --y strength=60,age=28 --repaired --summary
    """
    from retrodict.bundle import load
    from retrodict.cli.repaired import read_repair
    from retrodict.cli.run_folder import RunFolder
    from retrodict.tables import write_table

    folder = RunFolder(run)
    estimator = load(folder.model)
    calibration = read_repair(folder) if repaired else None
    if seed is not None:
        estimator.set_params(random_state=seed)
    posterior = estimator.retrodict(_observed(estimator.observables_, y, observations))
    if calibration is not None:
        posterior = posterior.repaired(calibration)
        num = f"{calibration.summary_.num_observations:,} held-out pairs"
        say(
            f"repaired by {num}"
            if calibration.needed_.any()
            else f"{num} repaired nothing: the draws are as they were"
        )
    if picture is not None:
        _draw(posterior, picture, num_draws, many=observations is not None, force=force)
    frame = posterior.summary().reset_index() if summary else posterior.to_dataframe(num_draws)
    if output is not None:
        write_table(frame, output, force=force)
        say(f"{len(frame):,} rows: {output}")
    elif json:
        answer_json(frame.to_dict(orient="records"))
    else:
        answer(frame.to_csv(index=False))


def _observed(observables: Sequence[Variable], y: str | None, observations: Path | None) -> Any:
    from retrodict.tables import parse_values, read_table

    if y is not None and observations is None:
        return parse_values(y)
    if observations is not None and y is None:
        return read_table(observations)
    example = ",".join(f"{name}=..." for name in names_of(observables))
    raise ConfigurationError(
        "Give one observation with `--y`, or a table of them with `--observations`.",
        f"For this model: --y {example}",
    )


def _draw(posterior: Any, picture: Path, num_draws: int, *, many: bool, force: bool) -> None:
    from retrodict import plots
    from retrodict.tables.atomic import atomic_file

    if many:
        raise ConfigurationError(
            "A picture shows the posterior of one observation.",
            "Give that observation with `--y`.",
        )
    formats = {".png": plots.to_png, ".svg": plots.to_svg}
    if picture.suffix.lower() not in formats:
        raise ConfigurationError(
            f"A picture is written as {' or '.join(formats)}; got `{picture.name}`.",
            f"Call it `{picture.stem or 'picture'}.png`.",
        )
    draws = posterior.sample(num_draws)
    figure = plots.pairs(draws, posterior.parameters)
    with atomic_file(picture, force=force) as file:
        file.write(formats[picture.suffix.lower()](figure))
    say(f"picture: {picture}")
