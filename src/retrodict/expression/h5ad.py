"""Expression from an h5ad file: the on-disk format of AnnData, read as it is documented.

https://anndata.readthedocs.io/en/stable/fileformat-prose.html (Virshup et al. 2024,
doi:10.21105/joss.04371). It is read here with h5py alone, because `anndata` itself asks for older
versions of pandas.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse import csc_matrix, csr_matrix

from retrodict.errors import CapabilityError, ColumnNotFoundError, TableFormatError
from retrodict.tables.names import listed

if TYPE_CHECKING:
    import h5py

_SPARSE = {"csr_matrix": csr_matrix, "csc_matrix": csc_matrix}


def read_h5ad(path: Path, layer: str | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Samples x genes, and the columns of `obs` as labels.

    Args:
        path: of the file.
        layer: to be read instead of `X`.

    Raises:
        CapabilityError: h5py is not installed.
        TableFormatError: no file, no HDF5, or not what AnnData 0.7 and later write.
        ColumnNotFoundError: no such layer.
    """
    try:
        import h5py
    except ImportError as error:
        raise CapabilityError(
            f"Reading `{path.name}` takes h5py, which is not installed.",
            "pip install 'retrodict[h5ad]'",
        ) from error
    if not path.is_file():
        raise TableFormatError(f"There is no file `{path}`.", "Check the path.")
    try:
        with h5py.File(path, "r") as file:
            for part in ("obs", "var"):
                if _kind(file.get(part)) != "dataframe":
                    raise _unreadable(path, f"`{part}` is no table of AnnData 0.7 or later")
            values = _matrix(_chosen(file, path, layer), path)
            labels, genes = _frame(file["obs"], path), _index(file["var"], path)
    except OSError as error:
        raise _unreadable(path, str(error)) from error
    if values.shape != (len(labels), len(genes)):
        raise _unreadable(
            path, f"it has {values.shape} values for {len(labels)} samples and {len(genes)} genes"
        )
    return pd.DataFrame(values, index=labels.index, columns=genes), labels


def _chosen(file: "h5py.File", path: Path, layer: str | None) -> Any:
    if layer is None:
        if "X" not in file:
            raise _unreadable(path, "it has no `X`")
        return file["X"]
    layers = list(file.get("layers", {}))
    if layer not in layers:
        raise ColumnNotFoundError(
            f"`{path.name}` has no layer `{layer}`; it has {listed(layers) or 'none'}.",
            "Leave `layer` out to read `X`.",
        )
    return file["layers"][layer]


def _matrix(stored: Any, path: Path) -> np.ndarray:
    kind = _kind(stored)
    if kind in _SPARSE:
        parts = (stored["data"][()], stored["indices"][()], stored["indptr"][()])
        return _SPARSE[kind](parts, shape=tuple(stored.attrs["shape"])).toarray().astype(float)
    if getattr(stored, "ndim", 0) == 2:
        return np.asarray(stored[()], float)
    raise _unreadable(path, f"its values are stored as {kind or 'nothing known'!r}")


def _frame(group: "h5py.Group", path: Path) -> pd.DataFrame:
    columns = {str(name): _column(group[name], path) for name in group.attrs["column-order"]}
    return pd.DataFrame(columns, index=_index(group, path))


def _index(group: "h5py.Group", path: Path) -> pd.Index:
    return pd.Index([str(name) for name in _column(group[group.attrs["_index"]], path)])


def _column(stored: Any, path: Path) -> np.ndarray:
    kind = _kind(stored)
    if kind == "categorical":
        categories, codes = _column(stored["categories"], path), stored["codes"][()]
        # The code -1, of what is missing, picks the last.
        return np.array([*categories.tolist(), None], dtype=object)[codes]
    if kind.startswith("nullable-"):
        values = _column(stored["values"], path).astype(object)
        values[stored["mask"][()]] = None
        return values
    if not hasattr(stored, "dtype"):
        raise _unreadable(path, f"`{stored.name}` is stored as {kind or 'nothing known'!r}")
    if stored.dtype.kind in "OS":
        return stored.asstr()[()].astype(object)
    return np.asarray(stored[()])


def _kind(stored: Any) -> str:
    return "" if stored is None else str(stored.attrs.get("encoding-type", ""))


def _unreadable(path: Path, why: str) -> TableFormatError:
    return TableFormatError(
        f"`{path.name}` cannot be read as h5ad: {why}.",
        "Write it again with a recent anndata: `adata.write_h5ad(path)`.",
    )
