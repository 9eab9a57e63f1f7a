"""Files that appear complete or not at all."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from retrodict.errors import OutputError, OutputExistsError, OutputNotWritableError


@contextmanager
def explain_write_failure(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into `OutputNotWritableError` about `path`."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputNotWritableError(
            f"`{path}` cannot be written: {error.strerror or error}.",
            "Check free space, rights, and that every parent is an existing folder, "
            "or choose another place.",
        ) from error


def refuse_existing(path: Path, force: bool) -> None:
    """Raise unless `path` is free, or is a regular file that may be replaced."""
    if not os.path.lexists(path):
        return
    if not path.is_file():
        raise OutputNotWritableError(
            f"`{path}` exists and is not a regular file.", "Choose another file name."
        )
    if not force:
        raise OutputExistsError(
            f"`{path}` exists already.",
            "Choose another name, or ask to overwrite it (`force=True`, `--force`).",
        )


def temporary_sibling(path: Path) -> Path:
    """A fresh hidden name in the folder of `path`, so that a rename stays on one file system."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")


@contextmanager
def atomic_file(path: Path, force: bool = False) -> Iterator[BinaryIO]:
    """A binary file that takes the name `path` only when the block ends without an error.

    Args:
        path: the final name; its folder must exist.
        force: whether an existing regular file may be replaced.

    Raises:
        OutputExistsError: the file exists and `force` is false.
        OutputNotWritableError: full disk, missing rights, no such folder; an older file is
            left as it was.
    """
    with explain_write_failure(path):
        refuse_existing(path, force)
        temporary = temporary_sibling(path)
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            # Once more: the file may have appeared while this one was being written.
            refuse_existing(path, force)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
