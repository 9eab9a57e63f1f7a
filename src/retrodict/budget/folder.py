"""The folder of a learning curve: each finished point in a file of its own."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from retrodict.budget.point import Point
from retrodict.comparison.against_problem import HeldOut
from retrodict.comparison.folder import write_json
from retrodict.errors import (
    BundleCorruptedError,
    BundleNotFoundError,
    BundleVersionError,
    ConfigurationError,
)
from retrodict.tables.atomic import explain_write_failure
from retrodict.tables.output_folder import make_output_folder

SCHEMA_VERSION = 1
RECORD = "curve.json"
PAGES = ("curve.md", "curve.csv", "curve.png")
_POINTS = "points"
_FRESH = "Delete it and resume the curve."


@dataclass(frozen=True)
class CurveFolder:
    """Names of the files in it, and reading and writing them."""

    path: Path

    def checkpoint(self, num_pairs: int) -> Path:
        """Where the training of a point left off, until the point is finished."""
        return self.path / _POINTS / f"{num_pairs}.safetensors"

    def keep(self, point: Point) -> None:
        """Write a finished point, complete or not at all."""
        write_json(self._file(point.num_pairs), point.to_dict())
        self.checkpoint(point.num_pairs).unlink(missing_ok=True)

    def point(self, num_pairs: int) -> Point | None:
        """The finished point of that size; None where there is none yet.

        Raises:
            BundleCorruptedError: it cannot be read.
        """
        path = self._file(num_pairs)
        return Point.from_dict(_read(path)) if path.is_file() else None

    def _file(self, num_pairs: int) -> Path:
        return self.path / _POINTS / f"{num_pairs}.json"


def open_folder(
    path: str | Path | None,
    record: Mapping[str, Any],
    x: Float[np.ndarray, "rows dim"],
    y: Float[np.ndarray, "rows cond"],
    held_out: HeldOut,
    *,
    force: bool,
    resume: bool,
) -> CurveFolder | None:
    """The folder to keep points in, new or as it was left; None without one.

    Args:
        path: where.
        record: settings that all points share.
        x: causes to learn from; their first rows and those of `y` and `held_out` tell whether
            a curve to resume is about the same data.
        y: effects.
        held_out: what points are judged on.
        force: whether an older curve in that place may be replaced.
        resume: whether to go on with it.

    Raises:
        BundleNotFoundError: there is no curve to resume.
        ConfigurationError: it was started with other settings or data.
        OutputExistsError, OutputNotWritableError: no place for a new one.
    """
    if path is None:
        if resume:
            raise ConfigurationError("There is no folder to resume from.", "Pass `folder`.")
        return None
    folder = CurveFolder(Path(path))
    wanted = json.loads(json.dumps({**record, "data": _digest(x, y, held_out)}))
    if resume:
        _require_same(folder, wanted)
        return folder
    make_output_folder(
        folder.path, "a learning curve", record=RECORD, parts=(_POINTS, *PAGES), force=force
    )
    with explain_write_failure(folder.path):
        (folder.path / _POINTS).mkdir()
    write_json(folder.path / RECORD, {**wanted, "schema_version": SCHEMA_VERSION})
    return folder


def read_points(path: str | Path) -> tuple[str, tuple[Point, ...]]:
    """The class of the solver that a curve is about, and its finished points.

    Raises:
        BundleNotFoundError: there is no curve.
        BundleCorruptedError: it cannot be read.
        BundleVersionError: a newer version wrote it.
    """
    folder = CurveFolder(Path(path))
    stored = _record(folder)
    files = sorted((folder.path / _POINTS).glob("*.json"), key=lambda file: int(file.stem))
    points = [Point.from_dict(_read(file)) for file in files]
    try:
        return str(stored["solver"]["class"]), tuple(points)
    except (KeyError, TypeError) as error:
        raise BundleCorruptedError(
            f"`{folder.path / RECORD}` does not say which solver it is about.", _FRESH
        ) from error


def _digest(
    x: Float[np.ndarray, "rows dim"], y: Float[np.ndarray, "rows cond"], held_out: HeldOut
) -> str:
    """Of the first rows only: more simulations from the same seed go on with the same curve."""
    digest = hashlib.sha256()
    for array in (x[:100], y[:100], held_out.x, held_out.y):
        digest.update(np.ascontiguousarray(array, dtype=float).tobytes())
    return digest.hexdigest()[:16]


def _record(folder: CurveFolder) -> dict[str, Any]:
    path = folder.path / RECORD
    if not path.is_file():
        raise BundleNotFoundError(
            f"`{folder.path}` holds no learning curve: it has no {RECORD}.",
            "Name a folder that `retrodict curve` has written; a new curve takes no `--resume`.",
        )
    stored = _read(path)
    if not isinstance(stored, dict):
        raise BundleCorruptedError(f"`{path}` is damaged or was edited by hand.", _FRESH)
    if stored.get("schema_version", 0) > SCHEMA_VERSION:
        raise BundleVersionError(
            f"`{path}` has schema {stored['schema_version']}; schemas up to {SCHEMA_VERSION} can "
            "be read.",
            "Upgrade retrodict.",
        )
    return stored


def _require_same(folder: CurveFolder, wanted: Mapping[str, Any]) -> None:
    stored = _record(folder)
    differing = [
        f"{name}: {stored.get(name)!r} then, {value!r} now"
        for name, value in wanted.items()
        if stored.get(name) != value
    ]
    if differing:
        raise ConfigurationError(
            f"The learning curve in `{folder.path}` was started with other settings "
            f"({'; '.join(differing)}).",
            "Resume it as it was started, or choose another folder.",
        )


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleCorruptedError(
            f"`{path}` is damaged or was edited by hand: {error}.", _FRESH
        ) from error
