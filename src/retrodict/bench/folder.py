"""The folder of a benchmark: every fit and every judged observation is kept when it is done."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from retrodict.bench.row import Judgement, Training, read_kept
from retrodict.bench.settings import Case
from retrodict.comparison.folder import write_json
from retrodict.errors import (
    BundleCorruptedError,
    BundleNotFoundError,
    BundleVersionError,
    ConfigurationError,
)
from retrodict.tables.atomic import atomic_file, explain_write_failure
from retrodict.tables.output_folder import make_output_folder

SCHEMA_VERSION = 1
RECORD = "bench.json"
PAGES = ("results.json", "results.csv", "table.md", "index.html")
_CASES = "cases"


@dataclass(frozen=True)
class BenchFolder:
    """Names of the files in it, and reading and writing them."""

    path: Path

    def of(self, case: Case) -> Path:
        """The folder of one fit."""
        return self.path / _CASES / case.task / str(case.num_simulations) / f"seed-{case.seed}"

    def checkpoint(self, case: Case) -> Path:
        """Where a training left off, until its draws are kept."""
        return self.of(case) / "checkpoint.safetensors"

    def make(self, case: Case) -> None:
        """Make room for a fit."""
        with explain_write_failure(self.of(case)):
            self.of(case).mkdir(parents=True, exist_ok=True)

    def keep_fit(
        self, case: Case, training: Training, draws: Float[np.ndarray, "observations draws dim"]
    ) -> None:
        """Write what a fit is judged by; its checkpoint is not needed any more."""
        with atomic_file(self.of(case) / "draws.npz", force=True) as file:
            np.savez(file, draws=draws)
        # Last, because it tells that the draws are there.
        write_json(self.of(case) / "training.json", asdict(training))
        self.checkpoint(case).unlink(missing_ok=True)

    def training(self, case: Case) -> Training | None:
        """Of a fit that is done; None where it is not.

        Raises:
            BundleCorruptedError: it cannot be read.
        """
        path = self.of(case) / "training.json"
        return read_kept(Training, _read(path)) if path.is_file() else None

    def draws(self, case: Case) -> Float[np.ndarray, "observations draws dim"]:
        """From the posteriors of all ten observations.

        Raises:
            BundleCorruptedError: they cannot be read.
        """
        path = self.of(case) / "draws.npz"
        try:
            with np.load(path) as file:
                draws: np.ndarray = file["draws"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise BundleCorruptedError(
                f"`{path}` is damaged or missing: {error}.",
                "Delete its folder and resume the benchmark.",
            ) from error
        return draws

    def keep_judgement(self, case: Case, number: int, judgement: Judgement) -> None:
        """Write what one observation has come to."""
        write_json(self._judgement(case, number), asdict(judgement))

    def judgement(self, case: Case, number: int) -> Judgement | None:
        """Of an observation that is done; None where it is not.

        Raises:
            BundleCorruptedError: it cannot be read.
        """
        path = self._judgement(case, number)
        return read_kept(Judgement, _read(path)) if path.is_file() else None

    def _judgement(self, case: Case, number: int) -> Path:
        return self.of(case) / f"observation-{number}.json"


def open_folder(
    path: Path, record: Mapping[str, Any], command: str, *, force: bool, resume: bool
) -> BenchFolder:
    """The folder of a benchmark, new or as it was left.

    Args:
        path: where.
        record: settings on which every number depends. Tasks, budgets, observations and seeds
            are none: asked for on resumption, further ones leave the others as they are.
        command: what repeats the benchmark.
        force: whether an older benchmark in that place may be replaced.
        resume: whether to go on with it.

    Raises:
        OutputExistsError, OutputNotWritableError: no place for a new one.
        BundleNotFoundError: there is no benchmark to resume.
        ConfigurationError: it was started with other settings.
        BundleCorruptedError, BundleVersionError: its record cannot be read.
    """
    folder = BenchFolder(path)
    wanted = json.loads(json.dumps(record))
    if resume:
        _require_same(folder, wanted)
    else:
        make_output_folder(path, "a benchmark", record=RECORD, parts=(_CASES, *PAGES), force=force)
    write_json(
        path / RECORD, {"settings": wanted, "command": command, "schema_version": SCHEMA_VERSION}
    )
    return folder


def _require_same(folder: BenchFolder, wanted: Mapping[str, Any]) -> None:
    stored = _record(folder)
    then = stored["settings"]
    differing = [
        f"{name}: {then.get(name)!r} then, {wanted.get(name)!r} now"
        for name in sorted({*then, *wanted})
        if then.get(name) != wanted.get(name)
    ]
    if differing:
        command = stored["command"]
        raise ConfigurationError(
            f"The benchmark in `{folder.path}` was started with other settings "
            f"({'; '.join(differing)}).",
            f"Resume it as it was started: {command} --resume"
            if command
            else "Resume it as it was started, or choose another folder.",
        )


def _record(folder: BenchFolder) -> dict[str, Any]:
    path = folder.path / RECORD
    if not path.is_file():
        raise BundleNotFoundError(
            f"`{folder.path}` holds no benchmark: it has no {RECORD}.",
            "Leave out `--resume`, or name a folder that `retrodict bench` has written.",
        )
    stored = _read(path)
    if (
        not isinstance(stored, dict)
        or not {"settings", "command"} <= set(stored)
        or not isinstance(stored["settings"], dict)
    ):
        raise BundleCorruptedError(
            f"`{path}` is damaged or was edited by hand.", "Repeat the benchmark."
        )
    if stored.get("schema_version", 0) > SCHEMA_VERSION:
        raise BundleVersionError(
            f"`{path}` has schema {stored['schema_version']}; schemas up to {SCHEMA_VERSION} can "
            "be read.",
            "Upgrade retrodict.",
        )
    return stored


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleCorruptedError(
            f"`{path}` is damaged or was edited by hand: {error}.",
            "Delete it and resume the benchmark.",
        ) from error
