"""A reference file on this machine: its own copy, a cached one, or one fetched now."""

import hashlib
import os
from pathlib import Path

from retrodict.datasets.registry import RegisteredFile, registered
from retrodict.errors import (
    CapabilityError,
    DataError,
    OutputNotWritableError,
    RetrodictWarning,
    warn,
)


def find_file(path: str) -> Path:
    """A whole and unchanged copy of a reference file.

    It is looked for in the folder that the environment variable `RETRODICT_DATA` names. What is
    not there is fetched once from its origin, at a fixed commit, and kept in the folder
    `RETRODICT_CACHE` (by default, where the operating system keeps caches). The SHA-256 of the
    file is compared on every call, wherever it is found; a damaged file in the cache is fetched
    anew.

    Args:
        path: below `RETRODICT_DATA`, e.g. "sbibm/two_moons/num_observation_1/observation.csv".

    Raises:
        ConfigurationError: there is no reference file of that path.
        DataError: the file in `RETRODICT_DATA` is damaged or another version, or it is not there
            and cannot be fetched.
        CapabilityError: it would have to be fetched, and pooch is not installed.
        OutputNotWritableError: it cannot be kept in the cache.
    """
    file = registered(path)
    folder = _data_folder()
    if folder is not None:
        own = folder / path
        if own.is_file():
            _check(own, file)
            return own
        # No path in it, so that a missing folder is told once and not file by file.
        warn(
            RetrodictWarning(
                f"The folder {folder} of RETRODICT_DATA lacks files of `{path.partition('/')[0]}`; "
                "they are taken from the cache, or fetched."
            )
        )
    return _fetched(file)


def _data_folder() -> Path | None:
    folder = os.environ.get("RETRODICT_DATA")
    return Path(folder).expanduser() if folder else None


def _check(own: Path, file: RegisteredFile) -> None:
    try:
        content = own.read_bytes()
    except OSError as error:
        raise DataError(
            f"`{own}` cannot be read: {error.strerror or error}.", "Check its rights."
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise DataError(
            f"`{own}` is damaged, cut short or another version: its SHA-256 should be "
            f"{file.sha256}, and that of its {len(content):,} bytes is {found}.",
            f"Delete it, and it will be fetched; or replace it by {file.address}.",
        )


def _fetched(file: RegisteredFile) -> Path:
    try:
        import pooch
        from requests import RequestException
    except ImportError as error:
        raise CapabilityError(
            f"Fetching `{file.path}` takes pooch, which is not installed; {_not_found()}.",
            f"pip install 'retrodict[data]'; or {_by_hand(file)}",
        ) from error
    cache = Path(os.environ.get("RETRODICT_CACHE") or pooch.os_cache("retrodict")).expanduser()
    # `from None`: tracebacks of a failed connection are pages long and say no more than this.
    try:
        kept = pooch.retrieve(file.address, f"sha256:{file.sha256}", fname=file.path, path=cache)
    except RequestException as error:
        raise DataError(
            f"`{file.path}` cannot be fetched: {_reason(error)}; {_not_found()}.",
            f"Try again with a connection; or {_by_hand(file)}",
        ) from None
    except ValueError:
        raise DataError(
            f"What was fetched for `{file.path}` is something else: its SHA-256 is not "
            f"{file.sha256}; {_not_found()}.",
            "A proxy or a login page may have answered, or the transfer broke off: try again; "
            f"or {_by_hand(file)}",
        ) from None
    except OSError as error:
        raise OutputNotWritableError(
            f"`{file.path}` cannot be kept in the cache {cache}: {error.strerror or error}.",
            "Check free space and rights, or name another folder in RETRODICT_CACHE.",
        ) from None
    return Path(kept)


def _not_found() -> str:
    folder = _data_folder()
    if folder is None:
        return "RETRODICT_DATA, which names a folder to look in first, is not set"
    return f"the folder {folder} of RETRODICT_DATA lacks it"


def _by_hand(file: RegisteredFile) -> str:
    return (
        f"save {file.address} as DIR/{file.path}, in a folder DIR of your choice, and set "
        "RETRODICT_DATA=DIR."
    )


def _reason(error: Exception) -> str:
    from requests import ConnectionError as NoConnectionError, Timeout

    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answers {response.status_code} {response.reason}"
    if isinstance(error, Timeout):
        return "the server does not answer in time"
    if isinstance(error, NoConnectionError):
        return f"no connection to the server ({type(error).__name__})"
    return f"the transfer failed ({type(error).__name__}: {error})"
