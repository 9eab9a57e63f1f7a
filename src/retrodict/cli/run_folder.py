"""The folder that a run leaves behind: everything that it found, and how to repeat it."""

import json
import shutil
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from retrodict import __version__
from retrodict.cli.console import to_json
from retrodict.errors import (
    BundleCorruptedError,
    BundleNotFoundError,
    BundleVersionError,
    ConfigurationError,
    OutputExistsError,
    OutputNotWritableError,
)
from retrodict.tables.atomic import atomic_file, explain_write_failure

SCHEMA_VERSION = 1
_RECORD = "run.json"


class State(StrEnum):
    """How far a run got."""

    TRAINING = "training"
    INTERRUPTED = "interrupted"
    TRAINED = "trained"
    FINISHED = "finished"


@dataclass(frozen=True)
class Record:
    """What has to be known to repeat a run, as kept in `run.json`.

    Attributes:
        command: as one would type it, in full.
        settings: everything that decides the result: source of the data, columns, seed, ...
        state: how far the run got.
        versions: of the libraries that took part.
    """

    command: str
    settings: dict[str, Any]
    state: State = State.TRAINING
    versions: dict[str, str] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class RunFolder:
    """Names of the files in it, and reading and writing its record."""

    path: Path

    @property
    def model(self) -> Path:
        """The bundle."""
        return self.path / "model"

    @property
    def metrics(self) -> Path:
        """Numbers for machines."""
        return self.path / "metrics.json"

    @property
    def report(self) -> Path:
        """Pictures and numbers for people."""
        return self.path / "report.html"

    @property
    def history(self) -> Path:
        """Losses per epoch."""
        return self.path / "history.csv"

    @property
    def held_out(self) -> Path:
        """Rows that training has never seen."""
        return self.path / "held_out.parquet"

    @property
    def repair(self) -> Path:
        """What makes draws of the model calibrated, once it was asked for."""
        return self.path / "repair"

    @property
    def checkpoint(self) -> Path:
        """Where training left off, until it ends."""
        return self.path / "checkpoint.safetensors"

    def write_record(self, record: Record) -> None:
        """Write `run.json`, complete or not at all."""
        self.write_text(self.path / _RECORD, to_json(asdict(record)))

    def write_text(self, path: Path, text: str) -> None:
        """Write a file of this folder, complete or not at all."""
        with atomic_file(path, force=True) as file:
            file.write(f"{text}\n".encode())

    def read_record(self) -> Record:
        """Read `run.json`.

        Raises:
            BundleNotFoundError: this is no run folder.
            BundleCorruptedError: the record cannot be read.
            BundleVersionError: written by a newer version.
        """
        path = self.path / _RECORD
        if not path.is_file():
            raise BundleNotFoundError(
                f"`{self.path}` is not a run folder: it has no {_RECORD}.",
                "Name a folder that `retrodict run` or `retrodict fit` has written.",
            )
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            if stored["schema_version"] > SCHEMA_VERSION:
                raise BundleVersionError(
                    f"`{path}` has schema {stored['schema_version']}; this is retrodict "
                    f"{__version__}, which reads schemas up to {SCHEMA_VERSION}.",
                    "Upgrade retrodict.",
                )
            return Record(**{**stored, "state": State(stored["state"])})
        except (OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, BundleVersionError):
                raise
            raise BundleCorruptedError(
                f"`{path}` is damaged or was edited by hand: {error}.",
                "Restore it, or repeat the run.",
            ) from error

    def remove_checkpoint(self) -> None:
        """Training has ended; what it would go on from is no longer needed."""
        _remove(self.checkpoint)


def create(path: Path, record: Record, *, force: bool) -> RunFolder:
    """Make the folder of a new run.

    Args:
        path: where.
        record: of the run.
        force: whether an older run in that place may be replaced.

    Raises:
        OutputExistsError: the folder has something in it and `force` is false.
        OutputNotWritableError: `path` is a file, cannot be made, or holds something that is
            no run, which is never deleted.
    """
    folder = RunFolder(path)
    with explain_write_failure(path):
        if path.exists() and not path.is_dir():
            raise OutputNotWritableError(
                f"`{path}` is a file; a run needs a folder.", "Choose another `--output`."
            )
        if path.is_dir() and any(path.iterdir()):
            _make_room(folder, force=force)
        path.mkdir(parents=True, exist_ok=True)
        folder.write_record(record)
    return folder


def resume(path: Path, record: Record) -> tuple[RunFolder, State]:
    """The folder of a run that was cut short, and how far that run got.

    Raises:
        BundleNotFoundError: there is no run to resume.
        ConfigurationError: it was started with other settings.
    """
    folder = RunFolder(path)
    stored = folder.read_record()
    wanted = json.loads(to_json(record.settings))
    differing = [
        f"{name}: {stored.settings.get(name)!r} then, {wanted.get(name)!r} now"
        for name in sorted({*stored.settings, *wanted})
        if stored.settings.get(name) != wanted.get(name)
    ]
    if differing:
        raise ConfigurationError(
            f"The run in `{path}` was started with other settings ({'; '.join(differing)}).",
            f"Resume it as it was started: {stored.command} --resume",
        )
    return folder, stored.state


def _make_room(folder: RunFolder, *, force: bool) -> None:
    is_run = (folder.path / _RECORD).is_file()
    if not force:
        raise OutputExistsError(
            f"`{folder.path}` exists already.",
            "Choose another `--output`, replace it with `--force`"
            + (", or continue a run that was cut short with `--resume`." if is_run else "."),
        )
    if not is_run:
        raise OutputNotWritableError(
            f"`{folder.path}` holds something that is not a run; it is not deleted.",
            "Choose another `--output`, or empty the folder yourself.",
        )
    _clear(folder)


def discard(folder: RunFolder) -> None:
    """Remove a run that came to nothing, and its folder if nothing else is in it."""
    _clear(folder)
    if not any(folder.path.iterdir()):
        folder.path.rmdir()


def _clear(folder: RunFolder) -> None:
    # Only what a run writes: whatever else a person keeps here stays.
    for part in (
        folder.path / _RECORD,
        folder.model,
        folder.metrics,
        folder.report,
        folder.history,
        folder.held_out,
        folder.repair,
        folder.checkpoint,
    ):
        _remove(part)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
