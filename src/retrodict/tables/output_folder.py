"""A folder for new results, in which nothing of a person's own is ever deleted."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from retrodict.errors import OutputExistsError, OutputNotWritableError
from retrodict.tables.atomic import atomic_file, explain_write_failure


def make_output_folder(
    path: Path, what: str, *, record: str, parts: Sequence[str], force: bool
) -> None:
    """Make the folder, and room in it if older results of the same kind may be replaced.

    Args:
        path: where.
        what: the kind of results, with its article: "a comparison".
        record: the file by which results of this kind are known.
        parts: all other files and folders that they write; whatever else is there stays.
        force: whether older results may be replaced.

    Raises:
        OutputExistsError: the folder has something in it and `force` is false.
        OutputNotWritableError: `path` is a file, cannot be made, or holds something of another
            kind, which is never deleted.
    """
    with explain_write_failure(path):
        if path.exists() and not path.is_dir():
            raise OutputNotWritableError(
                f"`{path}` is a file; {what} needs a folder.", "Choose another `--output`."
            )
        if path.is_dir() and any(path.iterdir()):
            _refuse(path, what, is_known=(path / record).is_file(), force=force)
            # The record last: what an interruption leaves is still known for what it is.
            for part in (*parts, record):
                _remove(path / part)
        path.mkdir(parents=True, exist_ok=True)


def write_results(path: Path, what: str, files: Mapping[str, str | bytes]) -> None:
    """Write files into a folder, each complete or not at all, replacing older ones.

    Args:
        path: the folder, made where it is missing.
        what: the kind of results, with its article.
        files: contents by name.

    Raises:
        OutputNotWritableError: missing rights, a full disk, a file in the way.
    """
    with explain_write_failure(path):
        if path.exists() and not path.is_dir():
            raise OutputNotWritableError(
                f"`{path}` is a file; {what} needs a folder.", "Choose another folder."
            )
        path.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        with atomic_file(path / name, force=True) as file:
            file.write(content.encode() if isinstance(content, str) else content)


def _refuse(path: Path, what: str, *, is_known: bool, force: bool) -> None:
    if not force:
        raise OutputExistsError(
            f"`{path}` exists already.",
            "Choose another `--output`, replace it with `--force`"
            + (", or go on with `--resume`." if is_known else "."),
        )
    if not is_known:
        raise OutputNotWritableError(
            f"`{path}` holds something that is not {what}; it is not deleted.",
            "Choose another `--output`, or empty the folder yourself.",
        )


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
