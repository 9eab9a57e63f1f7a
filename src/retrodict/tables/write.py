"""A table to a file: CSV, TSV, Parquet or NPZ, complete or not at all."""

import csv
import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import numpy as np

from retrodict.errors import ConfigurationError, DataError, NotNumericError, ShapeError
from retrodict.tables.atomic import atomic_file
from retrodict.tables.sniff import all_numbers

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_SUFFIXES = (*_DELIMITERS, ".parquet", ".npz")


def write_table(frame: "pandas.DataFrame", path: str | Path, force: bool = False) -> Path:
    """Write the columns of `frame` (not its index) in the format that the suffix names.

    Numbers are written so that reading them back gives the same numbers, to the last bit.

    Args:
        frame: columns with distinct names.
        path: ends in .csv, .tsv, .parquet or .npz; its folder must exist.
        force: whether an existing file may be replaced.

    Returns:
        The path written.

    Raises:
        ConfigurationError: another suffix.
        ShapeError: no columns.
        DataError: names that could not be read back.
        NotNumericError: in NPZ, a column that is neither numbers nor text.
        OutputExistsError: the file exists and `force` is false.
        OutputNotWritableError: full disk, missing rights, no such folder.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise ConfigurationError(
            f"A table is written as {', '.join(_SUFFIXES)}; `{path.name}` names none of them.",
            f"Call it `{path.stem or 'table'}.csv`.",
        )
    names = _checked_names(frame, is_text=suffix in _DELIMITERS)
    named = frame.set_axis(names, axis="columns")
    with atomic_file(path, force) as file:
        if suffix in _DELIMITERS:
            _write_text(named, file, _DELIMITERS[suffix])
        elif suffix == ".parquet":
            _write_parquet(named, file)
        else:
            _write_npz(named, file)
    return path


def _checked_names(frame: "pandas.DataFrame", is_text: bool) -> list[str]:
    names = [str(name) for name in frame.columns]
    if not names:
        raise ShapeError("A table needs at least one column; got none.", "Add columns.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"Column names must be distinct; these occur more than once: {', '.join(twice)}.",
            "Rename them before writing.",
        )
    if is_text and all_numbers(names):
        raise DataError(
            f"The column names are all numbers ({', '.join(names[:5])}), so that a reader would "
            "take them for the first row.",
            "Name the columns, e.g. `frame.columns = ['x1', 'x2']`.",
        )
    return names


def _write_text(frame: "pandas.DataFrame", file: BinaryIO, delimiter: str) -> None:
    # A leading `#` would be read back as a comment unless it is quoted.
    is_comment = str(frame.columns[0]).lstrip().startswith("#")
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if is_comment else csv.QUOTE_MINIMAL
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    frame.to_csv(text, sep=delimiter, index=False, lineterminator="\n", quoting=quoting)
    text.detach()


def _write_parquet(frame: "pandas.DataFrame", file: BinaryIO) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(
            f"Parquet cannot hold this table: {error}.",
            "Give each column one type, e.g. with `frame.astype(float)`.",
        ) from error
    pq.write_table(table, file)


def _write_npz(frame: "pandas.DataFrame", file: BinaryIO) -> None:
    # Not `numpy.savez`, whose keyword arguments take the columns called `file` for its own.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in frame.columns:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, _plain_array(frame, name), allow_pickle=False)


def _plain_array(frame: "pandas.DataFrame", name: str) -> np.ndarray:
    column = frame[name]
    if column.dtype.kind in "biufc" and isinstance(column.dtype, np.dtype):
        return column.to_numpy()
    if column.map(lambda value: isinstance(value, str)).all():
        return column.to_numpy(dtype=np.str_)
    raise NotNumericError(
        f"NPZ holds columns of numbers or of text; `{name}` is {column.dtype}"
        f"{' with missing values' if column.isna().any() else ''}.",
        "Convert the column, leave it out, or write CSV or Parquet.",
    )
