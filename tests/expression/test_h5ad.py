"""h5ad files, written as AnnData's documentation of the format says."""

import sys

import h5py
import numpy as np
import pytest
from pandas.testing import assert_frame_equal
from scipy import sparse

from retrodict.errors import (
    CapabilityError,
    ColumnNotFoundError,
    ConfigurationError,
    DataError,
    OutOfBoundsError,
    TableFormatError,
)
from retrodict.expression import read_expression


def put(group, name, values, kind="array"):
    stored = group.create_dataset(name, data=values)
    stored.attrs["encoding-type"] = kind
    stored.attrs["encoding-version"] = "0.2.0"


def put_text(group, name, values):
    put(group, name, np.array(values, dtype=h5py.string_dtype()), "string-array")


def put_matrix(group, name, matrix):
    if not sparse.issparse(matrix):
        put(group, name, matrix)
        return
    part = group.create_group(name)
    part.attrs["encoding-type"] = f"{matrix.format}_matrix"
    part.attrs["shape"] = matrix.shape
    for field in ("data", "indices", "indptr"):
        part.create_dataset(field, data=getattr(matrix, field))


def put_frame(file, name, index, columns):
    group = file.create_group(name)
    group.attrs["encoding-type"] = "dataframe"
    group.attrs["_index"] = "_index"
    group.attrs["column-order"] = np.array(list(columns), dtype=h5py.string_dtype())
    put_text(group, "_index", index)
    for column, (kind, content) in columns.items():
        if kind == "categorical":
            part = group.create_group(column)
            part.attrs["encoding-type"] = "categorical"
            put_text(part, "categories", content[0])
            put(part, "codes", np.array(content[1], dtype=np.int8))
        elif kind == "nullable-integer":
            part = group.create_group(column)
            part.attrs["encoding-type"] = kind
            put(part, "values", np.array(content[0]))
            put(part, "mask", np.array(content[1]))
        elif kind == "text":
            put_text(group, column, content)
        else:
            put(group, column, np.array(content))


@pytest.fixture
def write_h5ad(tmp_path, values):
    def write(matrix=None, layers=None, genes=None):
        path = tmp_path / "cells.h5ad"
        with h5py.File(path, "w") as file:
            file.attrs["encoding-type"] = "anndata"
            put_matrix(file, "X", values.to_numpy() if matrix is None else matrix)
            columns = {
                "tissue": ("categorical", (["liver", "skin"], [1, 0, 0, 1, -1, 0])),
                "donor": ("text", list("uvwxyz")),
                "age": ("array", [4, 5, 6, 7, 8, 9]),
                "stage": ("nullable-integer", ([1, 2, 3, 1, 2, 3], [False] * 5 + [True])),
            }
            put_frame(file, "obs", list(values.index), columns)
            put_frame(file, "var", list(values.columns) if genes is None else genes, {})
            group = file.create_group("layers")
            for name, layer in (layers or {}).items():
                put_matrix(group, name, layer)
        return path

    return write


@pytest.mark.parametrize("kind", ["dense", "csr", "csc"])
def test_values_and_labels_are_read(kind, values, write_h5ad):
    matrix = values.to_numpy() * (values.to_numpy() > 40)
    stored = matrix if kind == "dense" else sparse.csr_matrix(matrix).asformat(kind)
    table = read_expression(write_h5ad(stored))
    assert_frame_equal(table.values, values * (values > 40))
    assert table.labels["tissue"].tolist()[:4] == ["skin", "liver", "liver", "skin"]
    assert table.labels["tissue"].isna().tolist() == [False] * 4 + [True, False]
    assert table.labels["donor"].tolist() == list("uvwxyz")
    assert table.labels["age"].tolist() == [4, 5, 6, 7, 8, 9]
    assert table.labels["stage"].tolist()[:5] == [1, 2, 3, 1, 2]
    assert table.labels["stage"].isna().tolist()[-1]


def test_a_layer_is_read_in_place_of_x(values, write_h5ad):
    path = write_h5ad(-values.to_numpy(), {"counts": sparse.csr_matrix(3 * values.to_numpy())})
    assert_frame_equal(read_expression(path, layer="counts").values, 3 * values)
    with pytest.raises(ColumnNotFoundError, match="no layer `raw`; it has counts"):
        read_expression(path, layer="raw")
    with pytest.raises(OutOfBoundsError, match=r"48 negative values.*sample-0, gene TES"):
        read_expression(path)


def test_duplicated_genes_and_the_other_orientation_are_refused(values, write_h5ad):
    path = write_h5ad(genes=["TES", "TES", *values.columns[2:]])
    with pytest.raises(DataError, match="first are TES"):
        read_expression(path)
    merged = read_expression(path, duplicates="sum").values
    assert_frame_equal(merged[["TES"]], (values["TES"] + values["SOX2"]).to_frame("TES"))
    with pytest.raises(ConfigurationError, match="one row per sample"):
        read_expression(path, orientation="genes-x-samples")


def test_other_files_are_refused(tmp_path, write_h5ad):
    path = tmp_path / "cells.h5ad"
    with pytest.raises(TableFormatError, match="There is no file"):
        read_expression(path)
    path.write_bytes(b"something else")
    with pytest.raises(TableFormatError, match="cannot be read as h5ad"):
        read_expression(path)
    with h5py.File(path, "w") as file:
        file.create_dataset("X", data=np.ones((2, 2)))
    with pytest.raises(TableFormatError, match=r"`obs` is no table of AnnData 0\.7"):
        read_expression(path)
    write_h5ad(genes=["TES"])
    with pytest.raises(TableFormatError, match=r"\(6, 8\) values for 6 samples and 1 genes"):
        read_expression(path)


def test_without_h5py_it_says_what_to_install(write_h5ad, monkeypatch):
    path = write_h5ad()
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(CapabilityError, match="takes h5py") as caught:
        read_expression(path)
    assert "retrodict[h5ad]" in caught.value.hint
