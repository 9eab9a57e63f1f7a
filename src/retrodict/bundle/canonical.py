"""Values as JSON: one text per value, infinities included, so that it can be checksummed."""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from retrodict.errors import ConfigurationError

_TAG = "$float"
_NON_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def plain(value: Any, place: str = "config") -> Any:
    """The value from dicts, lists, texts, numbers, booleans and None only.

    JSON has no infinities, so they become `{"$float": "inf"}` (also `-inf`, `nan`). Tuples
    become lists, NumPy's scalars Python's.

    Args:
        value: what is to be written.
        place: where it is, for the message: `config.training.rate`.

    Raises:
        ConfigurationError: a value that JSON cannot hold.
    """
    if value is None or isinstance(value, (bool, np.bool_)):
        return None if value is None else bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return number if math.isfinite(number) else {_TAG: str(number)}
    if isinstance(value, str) and _is_encodable(value):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{place}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str) or key == _TAG or not _is_encodable(key):
                raise ConfigurationError(
                    f"Keys in JSON are texts other than {_TAG!r}; `{place}` has {key!r}.",
                    "Rename the key.",
                )
        return {str(key): plain(item, f"{place}.{key}") for key, item in value.items()}
    raise ConfigurationError(
        f"`{place}` cannot be written as JSON: it is {type(value).__qualname__}.",
        "State holds dicts, lists, texts, numbers, booleans and None; arrays go separately.",
    )


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def restore(value: Any) -> Any:
    """Undo `plain`: infinities and NaN as floats again.

    Raises:
        ValueError: a tagged float that is none.
    """
    if isinstance(value, list):
        return [restore(item) for item in value]
    if isinstance(value, dict):
        if _TAG in value:
            if len(value) != 1 or value[_TAG] not in _NON_FINITE:
                raise ValueError(f"{value!r} is no number")
            return _NON_FINITE[value[_TAG]]
        return {key: restore(item) for key, item in value.items()}
    return value


def canonical_json(value: Any) -> bytes:
    """The one text of a plain value: sorted keys, no blanks, ASCII."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True
    )
    return text.encode("ascii")


def checksum(value: Any) -> str:
    """SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def parse_json(text: bytes) -> Any:
    """Strict JSON in UTF-8: no NaN, no infinities.

    Raises:
        ValueError: anything else.
    """
    try:
        return json.loads(text.decode("utf-8"), parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
