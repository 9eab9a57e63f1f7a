"""Expression from a table of text or Parquet, either way round."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from retrodict.errors import ConfigurationError, TableFormatError
from retrodict.expression.duplicates import merged
from retrodict.expression.numbers import require_expression
from retrodict.expression.table import require_distinct
from retrodict.tables.columns import require_columns
from retrodict.tables.read import COMPRESSION_SUFFIXES, read_table
from retrodict.tables.sniff import is_number
from retrodict.tables.text import read_text

SAMPLES_X_GENES = "samples-x-genes"
GENES_X_SAMPLES = "genes-x-samples"
ORIENTATIONS = (SAMPLES_X_GENES, GENES_X_SAMPLES)
_SYMBOL = "hugo_symbol"
_ENTREZ = "entrez_gene_id"
_TEXT = (".csv", ".tsv", ".tab", ".txt", ".dat")


def read_oriented(
    path: Path, orientation: str | None, label_columns: Sequence[str], duplicates: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Samples x genes, and the labels among the columns.

    A table whose first column is called `Hugo_Symbol` has one row per gene. Any other has one
    row per sample, unless `orientation` says otherwise.

    Raises:
        ConfigurationError: an orientation that the header contradicts, labels of genes.
        DataError: a file that cannot be read, or values that expression cannot have.
    """
    frame = _read(path)
    first = str(frame.columns[0])
    is_by_gene = first.lower() == _SYMBOL
    if is_by_gene and orientation == SAMPLES_X_GENES:
        raise ConfigurationError(
            f"`{path.name}` has one row per gene, as its first column `{first}` says; got "
            f"orientation={orientation!r}.",
            "Leave `orientation` out.",
        )
    if is_by_gene or orientation == GENES_X_SAMPLES:
        if label_columns:
            raise ConfigurationError(
                f"`{path.name}` has one column per sample, so that none is a label; got "
                f"{', '.join(label_columns)}.",
                "Give the labels as a file of their own, one row per sample.",
            )
        return _by_gene(frame, path, duplicates)
    return _by_sample(frame, path, label_columns, duplicates)


def _read(path: Path) -> pd.DataFrame:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compression = suffixes.pop() if suffixes and suffixes[-1] in COMPRESSION_SUFFIXES else None
    if suffixes and suffixes[-1] in _TEXT and path.is_file():
        # Not `read_table`, which refuses columns of the same name: genes may be merged.
        frame = read_text(path, None, compression)
        if not len(frame):
            raise TableFormatError(
                f"`{path.name}` has no rows below its header.", "Check that it is whole."
            )
        return frame
    return read_table(path)


def _by_gene(frame: pd.DataFrame, path: Path, duplicates: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    symbols = frame.iloc[:, 0]
    _require_symbols(symbols, path)
    kept = [
        place
        for place in range(1, frame.shape[1])
        if str(frame.columns[place]).lower() != _ENTREZ and not _is_text(frame.iloc[:, place])
    ]
    values = frame.iloc[:, kept].set_axis(pd.Index(symbols.astype(str), name=None), axis="index")
    require_distinct(values.columns, "sample", f"`{path.name}`")
    require_expression(values, f"`{path.name}`", rows="gene")
    turned = merged(values.T.astype(float), duplicates, f"`{path.name}`")
    return turned, pd.DataFrame(index=turned.index)


def _by_sample(
    frame: pd.DataFrame, path: Path, label_columns: Sequence[str], duplicates: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    names = [str(name) for name in frame.columns]
    require_columns(label_columns, names, f"`{path.name}`")
    texts = [place for place in range(len(names)) if _is_text(frame.iloc[:, place])]
    samples = (
        frame.iloc[:, texts[0]].astype(str) if texts else pd.Series(map(str, range(len(frame))))
    )
    index = pd.Index(samples, name=None)
    is_label = np.array([name in label_columns for name in names])
    is_label[texts[1:]] = True
    is_gene = ~is_label
    is_gene[texts[:1]] = False
    values = frame.loc[:, is_gene].set_axis(index, axis="index")
    labels = frame.loc[:, is_label].set_axis(index, axis="index")
    require_distinct(index, "sample", f"`{path.name}`")
    require_expression(values, f"`{path.name}`")
    return merged(values.astype(float), duplicates, f"`{path.name}`"), labels


def _require_symbols(symbols: pd.Series, path: Path) -> None:
    if not _is_text(symbols):
        raise TableFormatError(
            f"The first column of `{path.name}`, `{symbols.name}`, should hold the symbols of "
            "the genes; it has numbers.",
            f"Put them first, or leave orientation={GENES_X_SAMPLES!r} out.",
        )
    if symbols.isna().any():
        raise TableFormatError(
            f"{symbols.isna().sum():,} rows of `{path.name}` have no gene symbol, the first is "
            f"row {int(np.argmax(symbols.isna()))}.",
            "Leave those rows out, or name them.",
        )


def _is_text(column: pd.Series) -> bool:
    """Whether no entry is a number: names or labels, not a gene with a wrong value in it."""
    if pd.api.types.is_bool_dtype(column):
        return True
    if pd.api.types.is_numeric_dtype(column):
        return False
    return not any(isinstance(entry, str) and is_number(entry) for entry in column.tolist())
