"""The folder of a comparison: each finished row in a file of its own, so that none is lost."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from retrodict.comparison.judge import Judged
from retrodict.comparison.row import Row
from retrodict.errors import (
    BundleCorruptedError,
    BundleNotFoundError,
    BundleVersionError,
    ConfigurationError,
)
from retrodict.tables.atomic import atomic_file, explain_write_failure
from retrodict.tables.output_folder import make_output_folder

SCHEMA_VERSION = 1
PAGES = ("table.md", "table.csv", "report.html")
_RECORD = "comparison.json"
_SOLVERS = "solvers"


@dataclass(frozen=True)
class ComparisonFolder:
    """Names of the files in it, and reading and writing them."""

    path: Path

    @property
    def record(self) -> Path:
        """What has to be known to go on."""
        return self.path / _RECORD

    def of(self, name: str) -> Path:
        """The folder of one solver; a colon is no part of a file name on every system."""
        return self.path / _SOLVERS / name.replace(":", "--")

    def checkpoint(self, name: str) -> Path:
        """Where the training of a row left off, until the row is finished."""
        return self.of(name) / "checkpoint.safetensors"

    def keep(self, judged: Judged) -> None:
        """Write a finished row, complete or not at all."""
        folder = self.of(judged.row.name)
        with explain_write_failure(folder):
            folder.mkdir(parents=True, exist_ok=True)
        if judged.draws is not None:
            with atomic_file(folder / "draws.npz", force=True) as file:
                np.savez_compressed(file, draws=judged.draws)
        self.keep_row(judged.row)
        self.checkpoint(judged.row.name).unlink(missing_ok=True)

    def keep_row(self, row: Row) -> None:
        """Write the numbers of a row; a checkpoint of its training stays."""
        write_json(self.of(row.name) / "row.json", row.to_dict())

    def kept(self, name: str) -> Judged | None:
        """The finished row of that name; None where there is none yet.

        Raises:
            BundleCorruptedError: it cannot be read.
        """
        folder = self.of(name)
        if not (folder / "row.json").is_file():
            return None
        row = Row.from_dict(_read_json(folder / "row.json"))
        draws = folder / "draws.npz"
        return Judged(row, None if row.failed else _read_draws(draws))

    def forget(self, name: str) -> None:
        """Remove a row, so that it is made anew."""
        (self.of(name) / "row.json").unlink(missing_ok=True)


def create(path: Path, record: Mapping[str, Any], *, force: bool) -> ComparisonFolder:
    """Make the folder of a new comparison.

    Args:
        path: where.
        record: `settings`, `solvers`, `command`.
        force: whether an older comparison in that place may be replaced.

    Raises:
        OutputExistsError: the folder has something in it and `force` is false.
        OutputNotWritableError: `path` is a file, cannot be made, or holds something that is
            no comparison, which is never deleted.
    """
    folder = ComparisonFolder(path)
    make_output_folder(path, "a comparison", record=_RECORD, parts=(_SOLVERS, *PAGES), force=force)
    _write_record(folder, record)
    return folder


def resume(path: Path, record: Mapping[str, Any]) -> ComparisonFolder:
    """The folder of a comparison that was cut short, or gets further solvers.

    Raises:
        BundleNotFoundError: there is no comparison to resume.
        ConfigurationError: it was started with other settings, or has solvers that are not
            asked for now.
    """
    folder = ComparisonFolder(path)
    stored = _read_record(folder)
    wanted = json.loads(json.dumps(record))
    then, now = (
        {**part["settings"], **{f"solver {key}": value for key, value in part["solvers"].items()}}
        for part in (stored, wanted)
    )
    # A further solver leaves every finished row as it is.
    differing = [
        f"{name}: {then.get(name)!r} then, {now.get(name)!r} now"
        for name in sorted({*then, *stored["settings"], *wanted["settings"]})
        if then.get(name) != now.get(name)
    ]
    if differing:
        command = stored["command"]
        raise ConfigurationError(
            f"The comparison in `{path}` was started with other settings ({'; '.join(differing)}).",
            f"Resume it as it was started: {command} --resume"
            if command
            else "Resume it as it was started, or choose another folder.",
        )
    _write_record(folder, record)
    return folder


def write_json(path: Path, value: object) -> None:
    """Write plain values, complete or not at all."""
    with atomic_file(path, force=True) as file:
        file.write(as_json(value).encode())


def as_json(value: object) -> str:
    """Plain values as the text of a file."""
    return f"{json.dumps(value, indent=2)}\n"


def _write_record(folder: ComparisonFolder, record: Mapping[str, Any]) -> None:
    write_json(folder.record, {**record, "schema_version": SCHEMA_VERSION})


def _read_record(folder: ComparisonFolder) -> dict[str, Any]:
    if not folder.record.is_file():
        raise BundleNotFoundError(
            f"`{folder.path}` holds no comparison: it has no {_RECORD}.",
            "Leave out `--resume`, or name a folder that `retrodict compare` has written.",
        )
    stored = _read_json(folder.record)
    if not isinstance(stored, dict) or not {"settings", "solvers", "command"} <= set(stored):
        raise BundleCorruptedError(
            f"`{folder.record}` is damaged or was edited by hand.", "Repeat the comparison."
        )
    if stored.get("schema_version", 0) > SCHEMA_VERSION:
        raise BundleVersionError(
            f"`{folder.record}` has schema {stored['schema_version']}; schemas up to "
            f"{SCHEMA_VERSION} can be read.",
            "Upgrade retrodict.",
        )
    return stored


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleCorruptedError(
            f"`{path}` is damaged or was edited by hand: {error}.",
            "Delete it and resume the comparison.",
        ) from error


def _read_draws(path: Path) -> Float[np.ndarray, "observations draws dim"]:
    try:
        with np.load(path) as file:
            draws: np.ndarray = file["draws"]
    except (OSError, ValueError, KeyError) as error:
        raise BundleCorruptedError(
            f"`{path}` is damaged or missing: {error}.",
            "Delete its folder and resume the comparison.",
        ) from error
    return draws
