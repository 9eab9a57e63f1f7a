"""Tables in Parquet and NPZ; nothing in a file is ever unpickled."""

import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrodict.errors import TableFormatError
from retrodict.tables.names import listed

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)


def read_parquet(path: Path) -> "pandas.DataFrame":
    """Read a Parquet file; an index that pandas stored with a name becomes a column.

    Raises:
        TableFormatError: truncated, or something else.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        frame = pq.ParquetFile(path).read().to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise TableFormatError(
            f"`{path.name}` is not a whole Parquet file: {str(error).splitlines()[0]}",
            "The file is truncated or something else: get a whole copy.",
        ) from error
    named = [name for name in frame.index.names if name is not None]
    frame = frame.reset_index(named).reset_index(drop=True)
    return frame.set_axis([str(name) for name in frame.columns], axis="columns")


def read_npz(path: Path) -> "pandas.DataFrame":
    """Read arrays with equally many rows as columns (see `read_table` for their names).

    Raises:
        TableFormatError: truncated, something else, pickled objects, or arrays that do not
            make one table.
    """
    import pandas as pd

    try:
        # Opened here, because `numpy.load` leaves a file open that is no archive.
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            arrays = (
                {name: archive[name] for name in archive.files}
                if isinstance(archive, np.lib.npyio.NpzFile)
                else {"arr_0": archive}
            )
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError) as error:
        raise TableFormatError(
            f"`{path.name}` is not a whole NPZ archive of plain arrays: {error}.",
            "The file is truncated, something else, or holds pickled objects, which are never "
            "loaded: save plain arrays with `numpy.savez`.",
        ) from error
    _check_shapes(arrays, path)
    columns: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        for column_name, column in _columns(name, array, is_only=len(arrays) == 1):
            if column_name in columns:
                raise TableFormatError(
                    f"Two arrays of `{path.name}` give a column called `{column_name}`.",
                    "Rename one of the arrays.",
                )
            columns[column_name] = column
    return pd.DataFrame(columns)


def _check_shapes(arrays: dict[str, np.ndarray], path: Path) -> None:
    for name, array in arrays.items():
        if array.ndim not in {1, 2} or array.dtype.names is not None:
            raise TableFormatError(
                f"Arrays of a table are 1-D or 2-D; `{name}` of `{path.name}` has shape "
                f"{array.shape} and type {array.dtype}.",
                "Save columns as 1-D arrays or blocks of columns as 2-D arrays.",
            )
    if len({len(array) for array in arrays.values()}) > 1:
        rows = listed([f"`{name}` has {len(array)}" for name, array in arrays.items()])
        raise TableFormatError(
            f"The arrays of `{path.name}` have different numbers of rows: {rows}.",
            "Save arrays with one row per example.",
        )


def _columns(name: str, array: np.ndarray, is_only: bool) -> list[tuple[str, np.ndarray]]:
    if array.ndim == 1:
        return [(name, array)]
    indices = range(array.shape[1])
    if is_only and name == "arr_0":
        return [(f"c{index + 1}", array[:, index]) for index in indices]
    if array.shape[1] == 1:
        return [(name, array[:, 0])]
    prefix = f"{name}_" if name[-1:].isdigit() else name
    return [(f"{prefix}{index + 1}", array[:, index]) for index in indices]
