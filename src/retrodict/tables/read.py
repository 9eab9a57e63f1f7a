"""A table from a file: CSV, TSV, white-space separated text, Parquet, NPZ, compressed or not."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from retrodict.errors import ConfigurationError, TableFormatError
from retrodict.tables.names import nearest

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

TEXT_SUFFIXES = ("", ".csv", ".tsv", ".tab", ".txt", ".dat")
COMPRESSION_SUFFIXES = (".gz", ".bz2", ".xz")
_EXPECTED = (
    "A table is text (.csv, .tsv, .txt, .dat, also compressed as .gz, .bz2 or .xz), "
    ".parquet or .npz"
)


def read_table(path: str | Path, names: Sequence[str] | None = None) -> "pandas.DataFrame":
    """Read the table in the file `path`; every row and column of it, or an error.

    In text, the delimiter is found among comma, tab, semicolon and white space. A first row
    of numbers only is data, so the table has no header; its columns are then called by `names`
    or, without these, `c1 ... cN`. Lines that start with `#` before the first row are comments;
    the last of them is the header where there is no other and it has one name per column.

    In NPZ, a 1-D array is a column under its own name; a 2-D array `a` gives columns `a1 ... aN`
    (`c1 ... cN` where the file holds nothing but one array without a name).

    Args:
        path: the file; its suffix names the format.
        names: what the columns are called, in order, instead of a header.

    Raises:
        TableFormatError: no such file, not a table, truncated, without rows, rows of different
            lengths, names that occur twice, or another number of columns than of `names`.
        ConfigurationError: `names` that are not distinct texts.
    """
    path = Path(path)
    if names is not None:
        names = _checked_names(names)
    _check_is_file(path)
    suffix = path.suffix.lower()
    compression = suffix if suffix in COMPRESSION_SUFFIXES else None
    if compression:
        suffix = Path(path.stem).suffix.lower()
    try:
        if suffix in TEXT_SUFFIXES:
            from retrodict.tables.text import read_text

            frame = read_text(path, names, compression)
        elif suffix in {".parquet", ".pq"} and not compression:
            from retrodict.tables.binary import read_parquet

            frame = read_parquet(path)
        elif suffix == ".npz" and not compression:
            from retrodict.tables.binary import read_npz

            frame = read_npz(path)
        else:
            raise TableFormatError(
                f"{_EXPECTED}; `{path.name}` ends in none of these.",
                "Convert it, or rename it if its content is one of these.",
            )
    except OSError as error:
        raise TableFormatError(
            f"`{path}` cannot be read: {error.strerror or error}.",
            "Check the rights and that the file is whole.",
        ) from error
    return _finished(frame, path, names)


def _checked_names(names: Sequence[str]) -> list[str]:
    if isinstance(names, str) or not all(isinstance(name, str) and name.strip() for name in names):
        raise ConfigurationError(
            f"`names` must be a list of texts, one per column; got {names!r}.",
            'Write e.g. names=["cement", "age", "strength"].',
        )
    names = [name.strip() for name in names]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigurationError(
            f"`names` must be distinct; these occur more than once: {', '.join(twice)}.",
            "Give every column its own name.",
        )
    return names


def _check_is_file(path: Path) -> None:
    if path.is_dir():
        raise TableFormatError(
            f"`{path}` is a folder, not a table.", "Name the file inside it that holds the table."
        )
    if not path.exists():
        there = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        close = nearest(path.name, there)
        raise TableFormatError(
            f"There is no file `{path}`.",
            f"Did you mean {close}?" if close else "Check the path.",
        )


def _finished(
    frame: "pandas.DataFrame", path: Path, names: Sequence[str] | None
) -> "pandas.DataFrame":
    num_rows, num_columns = frame.shape
    if names is not None:
        if len(names) != num_columns:
            raise TableFormatError(
                f"`{path.name}` has {num_columns} columns, but {len(names)} names were given "
                f"({', '.join(names)}).",
                f"Give {num_columns} names, one per column, in the order of the file.",
            )
        frame = frame.set_axis(list(names), axis="columns")
    if num_rows == 0 or num_columns == 0:
        raise TableFormatError(
            f"`{path.name}` has no {'rows below its header' if num_columns else 'columns'}.",
            "Check that the file is the one you meant and that it is whole.",
        )
    columns = list(frame.columns)
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise TableFormatError(
            f"`{path.name}` has more than one column called {', '.join(map(repr, twice))}.",
            "Rename them in the file, or give all columns new names.",
        )
    return frame
