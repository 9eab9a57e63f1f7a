"""An embedding from the table to the folder: split, choose genes, train, judge, report."""

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from retrodict.cli import EXIT_INTERRUPTED
from retrodict.cli.console import say, to_json
from retrodict.cli.interrupts import postponed_interrupts
from retrodict.errors import BundleCorruptedError, ConfigurationError
from retrodict.tables.atomic import atomic_file
from retrodict.tables.output_folder import make_output_folder

if TYPE_CHECKING:
    from retrodict.cli.judged_embedding import JudgedEmbedding
    from retrodict.expression import ExpressionTable

_RECORD = "embedding.json"
_MODEL, _LATENTS, _HISTORY = "model", "latents.csv", "history.csv"
_METRICS, _REPORT, _CHECKPOINT = "metrics.json", "report.html", "checkpoint.safetensors"
_LIBRARIES = ("retrodict", "jax", "numpy", "scikit-learn", "pandas")


@dataclass(frozen=True)
class Settings:
    """All that decides the result, as kept in `embedding.json`."""

    tables: list[str]
    latent_dim: int
    num_genes: int
    labels: list[str]
    label_files: list[str]
    condition: str | None
    orientation: str | None
    duplicates: str
    layer: str | None
    logged: bool
    held_out: float
    max_epochs: int
    seed: int


def carry_out(
    table: "ExpressionTable",
    settings: Settings,
    folder: Path,
    *,
    command: str,
    force: bool,
    resume: bool,
) -> str:
    """Embed the samples and write everything into the folder.

    Args:
        table: of expression.
        settings: what was asked for.
        folder: to write.
        command: as typed, for the record.
        force: replace an older embedding.
        resume: go on with one that was cut short.

    Returns:
        The metrics as JSON.
    """
    from retrodict.bundle import save
    from retrodict.cli.judged_embedding import judge
    from retrodict.cli.progress import training_progress
    from retrodict.cli.split_samples import prepare
    from retrodict.report import write_embedding
    from retrodict.tables import write_table
    from retrodict.training.result import Outcome
    from retrodict.variational import VariationalAutoencoder

    prepared = prepare(
        table,
        num_genes=settings.num_genes,
        held_out=settings.held_out,
        condition=settings.condition,
        logged=settings.logged,
        seed=settings.seed,
    )
    estimator = VariationalAutoencoder(
        settings.latent_dim,
        # Chosen on validation samples of RNAseqDB, see benchmarks/gene_expression.py.
        encoder=(256, 128),
        activation="silu",
        learning_rate=2e-3,
        max_epochs=settings.max_epochs,
        random_state=settings.seed,
    )
    versions = {name: version(name) for name in _LIBRARIES}
    record = {"command": command, "settings": asdict(settings), "versions": versions}
    if resume:
        _require_same(folder, asdict(settings))
    else:
        make_output_folder(
            folder,
            "an embedding",
            record=_RECORD,
            parts=(_MODEL, _LATENTS, _HISTORY, _METRICS, _REPORT, _CHECKPOINT),
            force=force,
        )
        _write(folder / _RECORD, to_json(record))
    say(f"{len(prepared.genes):,} genes; {(~prepared.is_held_out).sum():,} samples to train on")
    estimator.fit(
        prepared.train,
        progress=training_progress(),
        checkpoint=folder / _CHECKPOINT,
        **prepared.given(~prepared.is_held_out),
    )
    if estimator.outcome_ is Outcome.INTERRUPTED:
        say(f"interrupted; to continue: {command} --resume")
        raise typer.Exit(EXIT_INTERRUPTED)
    say(f"judging by {prepared.is_held_out.sum():,} held-out samples")
    judged = judge(estimator, prepared, seed=settings.seed)
    facts = _facts(settings, versions, judged)
    with postponed_interrupts():
        save(estimator, folder / _MODEL, overwrite=True)
        write_table(estimator.history_, folder / _HISTORY, force=True)
        write_table(judged.latents, folder / _LATENTS, force=True)
        metrics = to_json(judged.metrics())
        _write(folder / _METRICS, metrics)
        content = judged.content(_title(settings), str(table), facts, command)
        write_embedding(content, folder / _REPORT, force=True)
        (folder / _CHECKPOINT).unlink(missing_ok=True)
    for sentence in judged.sentences:
        say(sentence)
    say(f"report: {folder / _REPORT}")
    return metrics


def _require_same(folder: Path, settings: dict[str, Any]) -> None:
    """Raises unless the folder holds an embedding with these settings."""
    path = folder / _RECORD
    if not path.is_file():
        raise ConfigurationError(
            f"There is no embedding in `{folder}` to go on with.", "Leave `--resume` out."
        )
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        before, typed = stored["settings"], stored["command"]
    except (ValueError, KeyError, TypeError) as error:
        raise BundleCorruptedError(
            f"`{path}` is damaged or was edited by hand: {error}.", "Start again with `--force`."
        ) from error
    differing = sorted(name for name in settings if before.get(name) != settings[name])
    if differing:
        raise ConfigurationError(
            f"The embedding in `{folder}` was started with other settings "
            f"({', '.join(differing)}).",
            f"Resume it as it was started: {typed} --resume",
        )


def _write(path: Path, text: str) -> None:
    with atomic_file(path, force=True) as file:
        file.write(f"{text}\n".encode())


def _title(settings: Settings) -> str:
    names = [Path(path).name or str(path) for path in settings.tables]
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"Samples of {names[0]}{more}"


def _facts(
    settings: Settings, versions: dict[str, str], judged: "JudgedEmbedding"
) -> dict[str, str]:
    shown = {
        name.replace("_", " "): ", ".join(map(str, value))
        if isinstance(value, list)
        else str(value)
        for name, value in asdict(settings).items()
        if value not in (None, [], False)
    }
    network = ", ".join(
        f"{name}={value}"
        for name, value in judged.estimator.get_params().items()
        if name in {"encoder", "activation", "learning_rate", "likelihood", "decoder_sd", "prior"}
    )
    seconds = float(judged.estimator.history_["seconds"].iloc[-1])
    return {
        **shown,
        "network": network,
        "training time": f"{seconds:.1f} s",
        "versions": ", ".join(f"{name} {text}" for name, text in versions.items()),
    }
