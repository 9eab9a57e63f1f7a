"""One file from which a killed run goes on, bit for bit.

A safetensors file with the arrays; its header holds the rest as JSON, so that both appear
in one atomic rename. Reading it runs no code.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from retrodict.errors import (
    CheckpointCorruptedError,
    CheckpointMismatchError,
    OutputNotWritableError,
)
from retrodict.training.fingerprint import Fingerprint

_SCHEMA_VERSION = 1
_START_ANEW = "Delete the file to start training anew, or give another path."


def save_checkpoint(
    path: Path, arrays: PyTree, notes: Mapping[str, Any], fingerprint: Fingerprint
) -> None:
    """Replaces the checkpoint in one step: at any moment the old or the new one is whole.

    Args:
        path: of the file; its folder is made where it is missing.
        arrays: a tree of arrays.
        notes: everything else, as JSON can hold it.
        fingerprint: of the run.

    Raises:
        OutputNotWritableError: if the file cannot be written.
    """
    from safetensors.numpy import save

    tensors = {name: np.asarray(leaf) for name, leaf in _named_leaves(arrays).items()}
    text = json.dumps(
        {"schema_version": _SCHEMA_VERSION, "fingerprint": fingerprint, "notes": dict(notes)}
    )
    content = save(tensors, {"training": text, "sha256": _digest(text, tensors)})
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise OutputNotWritableError(
            f"The checkpoint {path} cannot be written: {error.strerror or error}.",
            "Free some space or choose a path that you may write to.",
        ) from error


def load_checkpoint(
    path: Path, arrays: PyTree, fingerprint: Fingerprint
) -> tuple[PyTree, dict[str, Any]] | None:
    """Arrays and notes of the checkpoint; None where there is none.

    Args:
        path: of the file.
        arrays: a tree of the expected structure, shapes and types.
        fingerprint: of the run that wants to go on.

    Raises:
        CheckpointCorruptedError: if the file is not a whole checkpoint.
        CheckpointMismatchError: if it belongs to another run.
    """
    if not path.exists():
        return None
    header, tensors = _read(path)
    if header.get("schema_version") != _SCHEMA_VERSION:
        raise CheckpointMismatchError(
            f"The checkpoint {path} has schema version {header.get('schema_version')}; "
            f"expected {_SCHEMA_VERSION}.",
            _START_ANEW,
        )
    stored = header["fingerprint"]
    different = [name for name, value in fingerprint.items() if stored.get(name) != value]
    if different:
        raise CheckpointMismatchError(
            f"The checkpoint {path} belongs to another run: "
            f"its {', '.join(different)} differ from those given now.",
            f"Pass exactly what the run was started with, to go on with it. {_START_ANEW}",
        )
    expected = _named_leaves(arrays)
    for name, leaf in expected.items():
        found = tensors.get(name)
        if found is None or found.shape != leaf.shape or found.dtype != leaf.dtype:
            raise CheckpointMismatchError(
                f"The checkpoint {path} has no array {name!r} "
                f"of shape {leaf.shape} and type {leaf.dtype}.",
                _START_ANEW,
            )
    leaves = [jnp.asarray(tensors[name]) for name in expected]
    return jax.tree.unflatten(jax.tree.structure(arrays), leaves), header["notes"]


def remove_checkpoint(path: Path) -> None:
    """Removes the checkpoint and what a killed write left of the next; neither has to exist."""
    path.unlink(missing_ok=True)
    path.with_name(path.name + ".part").unlink(missing_ok=True)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        text = metadata["training"]
        intact = metadata["sha256"] == _digest(text, tensors)
        header = json.loads(text)
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise CheckpointCorruptedError(
            f"{path} is not a whole training checkpoint: {error}.", _START_ANEW
        ) from error
    if not intact:
        raise CheckpointCorruptedError(
            f"The content of the checkpoint {path} does not match its checksum.", _START_ANEW
        )
    return header, tensors


def _named_leaves(tree: PyTree) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): leaf for path, leaf in leaves}


def _digest(text: str, tensors: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        digest.update(f"{name} {array.dtype} {tensors[name].shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
