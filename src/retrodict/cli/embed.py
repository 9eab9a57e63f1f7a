"""`retrodict embed`: from a table of gene expression to few numbers per sample."""

from pathlib import Path
from typing import Annotated

import typer

from retrodict.cli import options
from retrodict.cli.console import answer, say


def embed(
    tables: Annotated[
        list[Path],
        typer.Argument(
            help="Files, folders or patterns: text (also .gz), Parquet or h5ad.",
            metavar="TABLE",
            show_default=False,
        ),
    ],
    latent_dim: Annotated[
        int, typer.Option("--latent-dim", help="Numbers per sample.", min=1, metavar="N")
    ] = 10,
    genes: Annotated[
        int, typer.Option("--genes", help="Most variable genes to use.", min=2, metavar="N")
    ] = 2000,
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            help="A column that is a label, or a file of labels by sample; may be given several "
            "times. Columns of text are labels by themselves.",
            metavar="COLUMN|FILE",
        ),
    ] = None,
    condition: Annotated[
        str | None,
        typer.Option(
            "--condition",
            help="A label that the network is told, so that latent numbers need not carry it.",
            metavar="LABEL",
        ),
    ] = None,
    orientation: Annotated[
        str | None,
        typer.Option(
            "--orientation",
            help="samples-x-genes or genes-x-samples. By default the former, unless the first "
            "column is called Hugo_Symbol.",
            metavar="WAY",
        ),
    ] = None,
    duplicates: Annotated[
        str,
        typer.Option(
            "--duplicates",
            help="What becomes of repeated genes: refuse, sum, mean or first.",
            metavar="HOW",
        ),
    ] = "refuse",
    layer: Annotated[
        str | None, typer.Option("--layer", help="Of an h5ad file, instead of X.", metavar="NAME")
    ] = None,
    logged: Annotated[
        bool, typer.Option("--logged", help="The values are logarithms already.")
    ] = False,
    held_out: Annotated[
        float,
        typer.Option("--held-out", help="Share of the samples to judge by.", min=0.05, max=0.5),
    ] = 0.2,
    max_epochs: Annotated[
        int, typer.Option("--max-epochs", "--epochs", help="Most passes over the data.", min=1)
    ] = 300,
    seed: options.Seed = 0,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder to write; runs/embed-TABLE by default.",
            metavar="FOLDER",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an older embedding in that folder.")
    ] = False,
    resume: options.Resume = False,
    json: options.Json = False,
) -> None:
    """Embed samples of gene expression in few numbers.

    Takes logarithms, chooses the most variable genes, trains a variational autoencoder, and
    judges it by held-out samples.
    Prints the folder that then holds the model, the latent numbers (`latents.csv`), the metrics
    and a report with maps.

    Examples:
      retrodict embed rnaseq/ --output runs/tissues
      retrodict embed counts.csv --label cell_type --latent-dim 5
      retrodict embed cells.h5ad --layer counts --condition batch
    """
    from retrodict.cli.embedding import Settings, carry_out
    from retrodict.cli.typed import command
    from retrodict.expression import read_expression

    files = [name for name in label or () if Path(name).is_file()]
    columns = [name for name in label or () if name not in files]
    table = read_expression(
        list(tables),
        orientation=orientation,
        label_columns=_in_the_table(tables, columns),
        duplicates=duplicates,
        layer=layer,
    )
    for name in files:
        from retrodict.expression import read_labels

        table = table.with_labels(read_labels(name))
    for name in columns:
        table.label(name)
    say(str(table))
    settings = Settings(
        tables=[str(path) for path in tables],
        latent_dim=latent_dim,
        num_genes=genes,
        labels=columns,
        label_files=files,
        condition=condition,
        orientation=orientation,
        duplicates=duplicates,
        layer=layer,
        logged=logged,
        held_out=held_out,
        max_epochs=max_epochs,
        seed=seed,
    )
    name = tables[0].resolve().name.split(".")[0].replace("*", "").strip("-_") or "embedding"
    folder = output or Path("runs") / f"embed-{name}"
    metrics = carry_out(table, settings, folder, command=command(), force=force, resume=resume)
    answer(metrics if json else str(folder))


def _in_the_table(tables: list[Path], columns: list[str]) -> list[str]:
    """Labels that have to be picked from the columns: h5ad and file names bring theirs."""
    from retrodict.expression.file_names import labels_of_file

    brought: set[str] = set()
    for path in tables:
        if path.suffix.lower() == ".h5ad":
            return []
        inside = path.iterdir() if path.is_dir() else [path]
        for file in inside:
            brought.update(labels_of_file(file.name) or ())
    return [name for name in columns if name not in brought]
