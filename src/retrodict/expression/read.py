"""Expression from files: those of Wang et al. 2018, h5ad, text and Parquet."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from retrodict.errors import ConfigurationError, DataError, TableFormatError
from retrodict.expression.duplicates import merged, require_known
from retrodict.expression.file_names import labels_of_file
from retrodict.expression.h5ad import read_h5ad
from retrodict.expression.numbers import require_expression
from retrodict.expression.sample_labels import read_labels
from retrodict.expression.table import ExpressionTable, require_distinct
from retrodict.expression.text_tables import GENES_X_SAMPLES, ORIENTATIONS, read_oriented
from retrodict.tables.names import listed
from retrodict.tables.read import COMPRESSION_SUFFIXES

_H5AD = ".h5ad"
_SUFFIXES = (".txt", ".tsv", ".tab", ".csv", ".dat", ".parquet", ".pq", ".npz", _H5AD)
_FILE = "file"


def read_expression(
    paths: str | Path | Sequence[str | Path],
    *,
    orientation: str | None = None,
    labels: str | Path | pd.DataFrame | None = None,
    label_columns: Sequence[str] = (),
    duplicates: str = "refuse",
    layer: str | None = None,
) -> ExpressionTable:
    """Read expression from one file, or from many that share genes.

    Which way round a table is follows from a rule, not from its values: a table whose first
    column is called `Hugo_Symbol` has one row per gene, an h5ad file and any other table one row
    per sample, unless `orientation` says otherwise. Of a table with one row per sample the first
    column of text names the samples and further ones are labels; of one with one row per gene the
    first column names the genes, and `Entrez_Gene_Id` and further text are left out.

    Files of RNAseqDB (Wang et al. 2018, doi:10.1038/sdata.2018.61) give the labels tissue, source,
    condition and cohort by their names; other files, where there are several, the label `file`.

    Args:
        paths: a file, a folder, a pattern such as `data/*-gtex.txt.gz`, or a list of these: text
            (also compressed), Parquet or h5ad. Genes that not all of them have are left out.
        orientation: "samples-x-genes" or "genes-x-samples".
        labels: further ones, indexed by the names of the samples; or their file, see
            `read_labels`.
        label_columns: columns of numbers that are labels, not genes.
        duplicates: "refuse" gene symbols that occur more than once in a file; or keep their
            "sum", their "mean" or the "first" of them.
        layer: of an h5ad file, instead of `X`.

    Raises:
        DataError: NaN, text, negative values, duplicated genes or samples, files without a
            common gene, or no table at all.
        ConfigurationError: settings that contradict each other or the files.
        CapabilityError: h5ad without h5py.
    """
    require_known(duplicates)
    if orientation is not None and orientation not in ORIENTATIONS:
        raise ConfigurationError(
            f"An orientation is one of {', '.join(ORIENTATIONS)}; got {orientation!r}.",
            "Say what a row and a column stand for.",
        )
    files = _found(paths)
    is_h5ad = [path.suffix.lower() == _H5AD for path in files]
    if layer is not None and not all(is_h5ad):
        raise ConfigurationError("Only h5ad files have layers.", "Leave `layer` out.")
    if any(is_h5ad) and orientation == GENES_X_SAMPLES:
        raise ConfigurationError(
            "An h5ad file has one row per sample; got orientation='genes-x-samples'.",
            "Leave `orientation` out.",
        )
    values, known = [], []
    for path in files:
        if path.suffix.lower() == _H5AD:
            of_file, columns = read_h5ad(path, layer)
            require_expression(of_file, f"`{path.name}`")
            of_file = merged(of_file, duplicates, f"`{path.name}`")
        else:
            of_file, columns = read_oriented(path, orientation, label_columns, duplicates)
        values.append(of_file)
        known.append(_with_file_labels(columns, path, is_one=len(files) == 1))
    genes, num_left_out = _common_genes(values, files)
    joined = pd.concat([of_file[genes] for of_file in values])
    require_distinct(joined.index, "sample", "The files together")
    table = ExpressionTable(joined, pd.concat(known), num_left_out)
    if labels is None:
        return table
    return table.with_labels(labels if isinstance(labels, pd.DataFrame) else read_labels(labels))


def _found(paths: str | Path | Sequence[str | Path]) -> list[Path]:
    """The files behind names, folders and patterns; each once, in order."""
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    files: list[Path] = []
    for one in given:
        path = Path(one)
        if path.is_dir():
            inside = sorted(entry for entry in path.iterdir() if _is_table(entry))
            if not inside:
                raise TableFormatError(
                    f"There is no table in the folder `{path}`.",
                    f"Tables end in {', '.join(_SUFFIXES)}, text also in .gz, .bz2 or .xz.",
                )
            files.extend(inside)
        elif not path.exists() and glob.has_magic(os.fspath(path)):
            matching = sorted(map(Path, glob.glob(os.fspath(path))))  # noqa: PTH207 (absolute too)
            if not matching:
                raise TableFormatError(f"No file is called like `{path}`.", "Check the pattern.")
            files.extend(matching)
        else:
            files.append(path)
    if not files:
        raise TableFormatError("There is no file to read.", "Name at least one.")
    return list(dict.fromkeys(files))


def _is_table(path: Path) -> bool:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSION_SUFFIXES:
        suffixes.pop()
    is_named = bool(suffixes) and suffixes[-1] in _SUFFIXES
    return is_named and path.is_file() and not path.name.startswith(".")


def _with_file_labels(labels: pd.DataFrame, path: Path, *, is_one: bool) -> pd.DataFrame:
    said = labels_of_file(path.name)
    if said is None:
        said = {} if is_one else {_FILE: path.name.split(".")[0]}
    new = {name: value for name, value in said.items() if name not in labels.columns}
    return labels.assign(**new)


def _common_genes(values: list[pd.DataFrame], files: list[Path]) -> tuple[list[str], int]:
    """Genes of all files in the order of the first, and how many others there are."""
    every = [set(of_file.columns) for of_file in values]
    shared = every[0].intersection(*every[1:])
    if not shared:
        sizes = [f"{path.name} ({len(genes):,})" for path, genes in zip(files, every, strict=True)]
        kinds = [f"{values[i].columns[0]} in {files[i].name}" for i in range(2)]
        raise DataError(
            f"The files have no gene in common: {listed(sizes, limit=5)}; e.g. {listed(kinds)}.",
            "Give genes the same kind of name in all files, and check the orientation.",
        )
    genes = [gene for gene in values[0].columns if gene in shared]
    return genes, len(set().union(*every)) - len(genes)
