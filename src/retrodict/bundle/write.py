"""Save a fitted estimator: the whole folder or nothing."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from retrodict.bundle.canonical import checksum, plain
from retrodict.bundle.registry import kind_of
from retrodict.bundle.schema import (
    CONFIG,
    FORMAT,
    SCHEMA_VERSION,
    WEIGHT_TYPES,
    WEIGHTS,
    describe_arrays,
    versions,
)
from retrodict.errors import ConfigurationError, OutputExistsError, OutputNotWritableError
from retrodict.tables.atomic import explain_write_failure, temporary_sibling


def save(estimator: Any, folder: str | Path, overwrite: bool = False) -> Path:
    """Save a fitted estimator as a folder of `config.json` and `weights.safetensors`.

    The folder is written under another name and renamed when it is whole. An older bundle stays
    as it was when anything fails.

    Args:
        estimator: fitted, of a registered kind (`retrodict.bundle.Saveable`).
        folder: to be created, with its parents.
        overwrite: whether a bundle that is there may be replaced; anything else never is.

    Returns:
        The folder written.

    Raises:
        CapabilityError: the class is not registered.
        NotFittedError: there is nothing learned to save.
        ConfigurationError: state that the files cannot hold.
        OutputExistsError: the folder exists and `overwrite` is false.
        OutputNotWritableError: full disk, missing rights, or something else in the way.
    """
    target = Path(folder).resolve()
    kind = kind_of(estimator)
    config, arrays = estimator.to_state()
    weights, described = _weights(arrays)
    text = _config_text(kind, config, described, weights)
    with explain_write_failure(target):
        _refuse(target, overwrite)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_sibling(target)
        try:
            temporary.mkdir()
            _write(temporary / WEIGHTS, weights)
            _write(temporary / CONFIG, text)
            _move(temporary, target, overwrite)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return Path(folder)


def _weights(arrays: Mapping[Any, Any]) -> tuple[bytes, dict[str, Any]]:
    import safetensors.numpy

    plain_arrays = {}
    for name, array in arrays.items():
        value = np.asarray(array)
        if (
            not isinstance(name, str)
            or name == "__metadata__"
            or value.dtype.name not in WEIGHT_TYPES
        ):
            raise ConfigurationError(
                f"Weights are named arrays of numbers; `{name}` has type {value.dtype}.",
                f"Give arrays of {', '.join(sorted(WEIGHT_TYPES))}, under texts as names.",
            )
        # The file holds little-endian rows: other layouts would be written as they lie in memory.
        value = value.astype(value.dtype.newbyteorder("<"), order="C", copy=True)
        plain_arrays[name] = value
    try:
        data = safetensors.numpy.save(plain_arrays)
    except (KeyError, ValueError, safetensors.SafetensorError) as error:
        raise ConfigurationError(
            f"The weights cannot be written as safetensors: {error}.",
            "Give arrays of floats, integers or booleans.",
        ) from error
    return data, describe_arrays(plain_arrays)


def _config_text(kind: str, config: Any, described: dict[str, Any], weights: bytes) -> bytes:
    document = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "versions": versions(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "estimator": plain(config, "estimator"),
        "arrays": described,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    document["checksum"] = checksum(document)
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _refuse(target: Path, overwrite: bool) -> None:
    if not os.path.lexists(target):
        return
    if not target.is_dir() or not {entry.name for entry in target.iterdir()} <= {CONFIG, WEIGHTS}:
        raise OutputNotWritableError(
            f"`{target}` exists and is not a bundle, or holds other files too.",
            "Choose another folder; what retrodict did not write is never replaced.",
        )
    if not overwrite:
        raise OutputExistsError(
            f"`{target}` exists already.",
            "Choose another folder, or ask to overwrite it (`overwrite=True`, `--force`).",
        )


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _move(temporary: Path, target: Path, overwrite: bool) -> None:
    """Give the whole folder its name; the older bundle is gone only after that."""
    _refuse(target, overwrite)
    if not target.exists():
        temporary.rename(target)
        return
    aside = temporary_sibling(target)
    target.rename(aside)
    try:
        temporary.rename(target)
    except BaseException:  # also Ctrl-C: the older bundle gets its name back
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)
