"""Load a saved estimator, after everything that can be checked has been."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from retrodict.bundle.canonical import checksum, parse_json, restore
from retrodict.bundle.registry import class_of, is_registered
from retrodict.bundle.schema import CONFIG, FORMAT, SCHEMA_VERSION, WEIGHTS, describe_arrays
from retrodict.errors import BundleCorruptedError, BundleNotFoundError, BundleVersionError

_SAVE_AGAIN = "Save the model again, or restore the folder from a copy."
_FIELDS: dict[str, type] = {
    "kind": str,
    "versions": dict,
    "created": str,
    "estimator": dict,
    "arrays": dict,
    "weights_sha256": str,
}


def load(folder: str | Path) -> Any:
    """Load the estimator that `save` wrote to `folder`; no code from it is run.

    Raises:
        BundleNotFoundError: no such folder, or it holds something else.
        BundleVersionError: written by a newer retrodict, or by one too old.
        BundleCorruptedError: truncated, damaged or edited by hand.
    """
    folder = Path(folder)
    document = read_config(folder)
    kind = document["kind"]
    if not is_registered(kind):
        raise BundleVersionError(
            f"`{folder}` holds an estimator of the kind `{kind}`, which this retrodict does not "
            f"know; it was written by retrodict {document['versions'].get('retrodict')}.",
            "Upgrade retrodict, or register the class with `retrodict.bundle.register`.",
        )
    arrays = _read_weights(folder, document)
    try:
        return class_of(kind).from_state(document["estimator"], arrays)
    except KeyError as error:
        raise BundleVersionError(
            f"`{folder}` is whole, but lacks {error} which this version needs; it was written by "
            f"retrodict {document['versions'].get('retrodict')} of {document['created']}.",
            "Train and save the model again, or load it with the version that wrote it.",
        ) from error


def read_config(folder: str | Path) -> dict[str, Any]:
    """The checked content of `config.json`, without reading the weights.

    Raises:
        BundleNotFoundError: no such folder, or it holds something else.
        BundleVersionError: written by a newer retrodict.
        BundleCorruptedError: truncated, damaged or edited by hand.
    """
    folder = Path(folder)
    document = _parse(folder)
    _check_schema(document, folder)
    _check_content(document, folder)
    try:
        return {str(key): restore(value) for key, value in document.items()}
    except ValueError as error:
        raise _corrupted(folder, f"a number in {CONFIG} is none: {error}") from error


def _parse(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not folder.is_dir() or not path.is_file():
        what = f"has no {CONFIG}" if folder.is_dir() else "is not a folder"
        raise BundleNotFoundError(
            f"`{folder}` is not a saved model: it {what if folder.exists() else 'does not exist'}.",
            "Give the folder that `retrodict.save` wrote (in a run folder it is `model`).",
        )
    try:
        document = parse_json(path.read_bytes())
    except OSError as error:
        raise BundleNotFoundError(
            f"`{path}` cannot be read: {error.strerror or error}.", "Check its rights."
        ) from error
    except ValueError as error:
        raise _corrupted(folder, f"{CONFIG} is not JSON ({error})") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise BundleNotFoundError(
            f"`{path}` was not written by retrodict: it does not say `format: {FORMAT}`.",
            "Give the folder that `retrodict.save` wrote.",
        )
    return document


def _check_schema(document: dict[str, Any], folder: Path) -> None:
    schema = document.get("schema_version")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise _corrupted(folder, f"its schema version is {schema!r}, not a positive integer")
    if schema > SCHEMA_VERSION:
        writers = document.get("versions")
        writer = writers.get("retrodict", "unknown") if isinstance(writers, dict) else "unknown"
        raise BundleVersionError(
            f"`{folder}` has schema version {schema} (written by retrodict {writer}); this "
            f"retrodict reads up to {SCHEMA_VERSION}.",
            "Upgrade retrodict: `pip install --upgrade retrodict`.",
        )


def _check_content(document: dict[str, Any], folder: Path) -> None:
    signed = {key: value for key, value in document.items() if key != "checksum"}
    if document.get("checksum") != checksum(signed):
        raise _corrupted(
            folder, f"{CONFIG} does not match its checksum, so it was damaged or edited by hand"
        )
    for field, kind in _FIELDS.items():
        if not isinstance(document.get(field), kind):
            raise _corrupted(folder, f"`{field}` in {CONFIG} is missing or not a {kind.__name__}")


def _read_weights(folder: Path, document: dict[str, Any]) -> dict[str, np.ndarray]:
    import safetensors.numpy

    try:
        data = (folder / WEIGHTS).read_bytes()
    except OSError as error:
        raise _corrupted(folder, f"{WEIGHTS} cannot be read: {error.strerror or error}") from error
    if hashlib.sha256(data).hexdigest() != document["weights_sha256"]:
        raise _corrupted(
            folder,
            f"{WEIGHTS} ({len(data)} bytes) is not the file that was saved with {CONFIG}: "
            "truncated, damaged or exchanged",
        )
    try:
        arrays: dict[str, np.ndarray] = safetensors.numpy.load(data)
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise _corrupted(folder, f"{WEIGHTS} is not a safetensors file: {error}") from error
    found = describe_arrays(arrays)
    wrong = sorted(
        name
        for name in found.keys() | document["arrays"].keys()
        if found.get(name) != document["arrays"].get(name)
    )
    if wrong:
        raise _corrupted(
            folder,
            f"the arrays of {WEIGHTS} are not those that {CONFIG} lists: `{wrong[0]}` is "
            f"{found.get(wrong[0], 'missing')}, listed as "
            f"{document['arrays'].get(wrong[0], 'missing')}",
        )
    return arrays


def _corrupted(folder: Path, what: str) -> BundleCorruptedError:
    return BundleCorruptedError(f"`{folder}` cannot be trusted: {what}.", _SAVE_AGAIN)
