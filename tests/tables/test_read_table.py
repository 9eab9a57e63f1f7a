"""Every way a table comes, and every way it fails to be one."""

import bz2
import gzip
import lzma

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from retrodict.errors import ConfigurationError, TableFormatError
from retrodict.tables import read_table

CONCRETE = [
    "cement",
    "slag",
    "ash",
    "water",
    "plasticiser",
    "coarse",
    "fine",
    "age",
    "strength",
]


def written(tmp_path, content, name="table.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "a,b\n1,2.5\n3,-4e2\n"),
        ("t.csv", "a;b\n1;2.5\n3;-4e2\n"),
        ("t.csv", "a, b\n1, 2.5\n3, -4e2"),
        ("t.csv", "\ufeffa,b\r\n1,2.5\r\n3,-4e2\r\n"),
        ("t.csv", '"a","b"\n"1",2.5\n3,-4e2\n'),
        ("t.tsv", "a\tb\n1\t2.5\n3\t-4e2\n"),
        ("t.txt", "a\tb\n1\t2.5\n3\t-4e2\n"),
        ("t.txt", "a b\n1   2.5\n 3 -4e2 \n"),
        ("t.txt", '"a" "b"\n1 2.5\n3 -4e2\n'),
        ("t.dat", "# two rows\n# a b\n1 2.5\n3 -4e2\n"),
        ("t.dat", "a b\n1 \t2.5 \n3 \t-4e2 \n"),
        ("t.csv", "a,b,\n1,2.5,\n3,-4e2,\n"),
        ("t", "\n\na,b\n\n1,2.5\n\n3,-4e2\n\n"),
        ("t.csv", "a,b\n1,2.5\n3,-4e2\n".encode("utf-16")),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2.5\n3,-4e2\n", mtime=0)),
        ("t.tsv.bz2", bz2.compress(b"a\tb\n1\t2.5\n3\t-4e2\n")),
        ("t.txt.xz", lzma.compress(b"a b\n1 2.5\n3 -4e2\n")),
    ],
)
def test_text_with_a_header(tmp_path, name, content):
    frame = read_table(written(tmp_path, content, name))
    assert list(frame.columns) == ["a", "b"]
    assert_array_equal(frame.to_numpy(), [[1, 2.5], [3, -400]])


@pytest.mark.parametrize("first", ["1,2.5", "1,nan", "+.5,1e-3", "1,", "inf,-2.", "NA,1"])
def test_a_first_row_of_numbers_is_data(tmp_path, first):
    frame = read_table(written(tmp_path, f"{first}\n3,4\n"))
    assert list(frame.columns) == ["c1", "c2"]
    assert len(frame) == 2
    assert_array_equal(frame.iloc[1], [3, 4])


def test_names_for_a_table_without_header(tmp_path):
    frame = read_table(written(tmp_path, "1 2\n3 4\n", "t.txt"), names=[" age", "strength"])
    assert list(frame.columns) == ["age", "strength"]
    assert len(frame) == 2


def test_names_replace_a_header_and_a_comment(tmp_path):
    assert list(read_table(written(tmp_path, "a,b\n1,2\n"), names=["u", "v"])) == ["u", "v"]
    path = written(tmp_path, "# a b\n1 2\n", "t.txt")
    assert list(read_table(path, names=["u", "v"])) == ["u", "v"]


def test_a_comment_with_another_number_of_words_is_no_header(tmp_path):
    frame = read_table(written(tmp_path, "# measured in March\n1 2\n3 4\n", "t.txt"))
    assert list(frame.columns) == ["c1", "c2"]


def test_missing_values_are_read_as_missing(tmp_path):
    frame = read_table(written(tmp_path, "a,b\n1,\n,2\nNA,3\n"))
    assert frame.isna().to_numpy().tolist() == [[False, True], [True, False], [True, False]]


def test_decimal_commas_are_kept_as_text_between_semicolons(tmp_path):
    frame = read_table(written(tmp_path, "a;b\n1,5;2,5\n1,7;2,25\n"))
    assert frame["a"].tolist() == ["1,5", "1,7"]


def test_numbers_are_read_to_the_last_bit(tmp_path, rng):
    values = rng.standard_normal(500) * 10.0 ** rng.integers(-300, 300, 500)
    text = "a\n" + "\n".join(map(repr, values.tolist()))
    assert_array_equal(read_table(written(tmp_path, text))["a"].to_numpy(), values)


def test_a_last_column_without_name_is_kept_where_any_row_fills_it(tmp_path):
    frame = read_table(written(tmp_path, "a,b,\n1,2,3\n4,5,\n"))
    assert list(frame.columns) == ["a", "b", "c3"]
    assert frame["c3"].iloc[0] == 3


def test_a_first_row_of_missing_values_only_is_a_header(tmp_path):
    assert list(read_table(written(tmp_path, "None,NA\n1,2\n")).columns) == ["None", "NA"]


def test_blanks_before_quotes(tmp_path):
    frame = read_table(written(tmp_path, 'a, "b,c"\n1, 2\n'))
    assert list(frame.columns) == ["a", "b,c"]


def test_an_index_column_without_name_is_kept(tmp_path):
    frame = read_table(written(tmp_path, ",a\n0,1.5\n1,2.5\n"))
    assert list(frame.columns) == ["c1", "a"]


def test_the_concrete_table(data_folder):
    path = data_folder / "uci" / "concrete" / "data.txt"
    if not path.is_file():
        pytest.skip(f"no {path}")
    frame = read_table(path, names=CONCRETE)
    assert frame.shape == (1030, 9)
    assert not frame.isna().any(axis=None)
    assert_array_equal(frame.iloc[0], [540, 0, 0, 162, 2.5, 1040, 676, 28, 79.99])
    assert frame["age"].max() == 365
    assert list(read_table(path)) == [f"c{i}" for i in range(1, 10)]
    with pytest.raises(TableFormatError, match=r"9 columns, but 8 names") as caught:
        read_table(path, names=CONCRETE[:8])
    assert "9 names" in caught.value.hint


@pytest.mark.parametrize("suffix", ["parquet", "pq"])
def test_parquet(tmp_path, suffix):
    frame = pd.DataFrame({"a": [1.5, np.nan], "b": [1, 2], "c": ["u", "v"]})
    frame.to_parquet(tmp_path / f"t.{suffix}")
    pd.testing.assert_frame_equal(read_table(tmp_path / f"t.{suffix}"), frame)


def test_a_named_index_in_parquet_is_a_column(tmp_path):
    frame = pd.DataFrame({"a": [1.5, 2.5]}, index=pd.Index([7, 9], name="id"))
    frame.to_parquet(tmp_path / "t.parquet")
    read = read_table(tmp_path / "t.parquet")
    assert list(read.columns) == ["id", "a"]
    assert read["id"].tolist() == [7, 9]


@pytest.mark.parametrize(
    ("arrays", "names"),
    [
        ({"arr_0": np.arange(6.0).reshape(2, 3)}, ["c1", "c2", "c3"]),
        ({"arr_0": np.arange(2.0).reshape(2, 1)}, ["c1"]),
        ({"x": np.arange(6.0).reshape(2, 3)}, ["x1", "x2", "x3"]),
        ({"x": np.arange(4.0).reshape(2, 2), "y": np.arange(2.0)}, ["x1", "x2", "y"]),
        ({"x": np.arange(4.0).reshape(2, 2), "y": np.ones((2, 1))}, ["x1", "x2", "y"]),
        ({"arr_0": np.ones((2, 2)), "arr_1": np.ones(2)}, ["arr_0_1", "arr_0_2", "arr_1"]),
    ],
)
def test_npz(tmp_path, arrays, names):
    np.savez(tmp_path / "t.npz", **arrays)
    frame = read_table(tmp_path / "t.npz")
    assert list(frame.columns) == names
    assert_array_equal(frame, np.column_stack(list(arrays.values())))


NOT_TABLES = {
    "empty": ("t.csv", b"", "empty"),
    "blank": ("t.csv", b"\n  \n", "empty"),
    "only comments": ("t.txt", b"# nothing\n", "empty"),
    "header only": ("t.csv", b"a,b\n", "no rows below its header"),
    "last row cut": ("t.csv", b"a,b,c\n1,2,3\n4,5", r"row 3 has 2"),
    "row too long": ("t.csv", b"a,b\n1,2\n3,4,5\n", r"row 3 has 3"),
    "ragged blanks": ("t.txt", b"1 2 3\n1 2 3\n1 2\n", r"row 3 has 2"),
    "open quote": ("t.csv", b'a,b\n1,2\n3,"4\n5,6\n', r"not a table|different lengths"),
    "web page": ("t.csv", b"<!DOCTYPE html><html><body>404</body></html>", "HTML"),
    "json": ("t.csv", b'{"a": [1, 2]}', "JSON"),
    "json list": ("t.csv", b"[[1, 2], [3, 4]]", "JSON"),
    "lfs": ("t.csv", b"version https://git-lfs.github.com/spec/v1\noid x\nsize 3\n", "LFS"),
    "image": ("t.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not a text table"),
    "latin-1": ("t.csv", "a,T [°C]\n1,2\n".encode("latin-1"), "byte 5 is not UTF-8"),
    "repeated header": ("t.csv", b"a,a\n1,2\n", "more than one column called 'a'"),
    "not gzip": ("t.csv.gz", b"a,b\n1,2\n", "decompressed"),
    "cut gzip": ("t.csv.gz", gzip.compress(b"a,b\n1,2\n" * 50, mtime=0)[:-12], "decompressed"),
    "damaged gzip": (
        "t.csv.gz",
        gzip.compress(b"a,b\n1,2\n", mtime=0)[:-6] + b"abcdef",
        "decompressed",
    ),
    "cut bz2": ("t.csv.bz2", bz2.compress(b"a,b\n1,2\n" * 50)[:-9], "decompressed"),
    "cut xz": ("t.csv.xz", lzma.compress(b"a,b\n1,2\n" * 50)[:-9], "decompressed"),
    "not parquet": ("t.parquet", b"a,b\n1,2\n", "not a whole Parquet file"),
    "empty parquet": ("t.parquet", b"", "not a whole Parquet file"),
    "not npz": ("t.npz", b"a,b\n1,2\n", "not a whole NPZ"),
    "empty npz": ("t.npz", b"", "not a whole NPZ"),
    "compressed parquet": (
        "t.parquet.gz",
        gzip.compress(b"PAR1", mtime=0),
        "ends in none of these",
    ),
    "another format": ("t.xlsx", b"PK", "ends in none of these"),
}


@pytest.mark.parametrize("case", NOT_TABLES)
def test_what_is_no_table_is_refused(tmp_path, case):
    name, content, message = NOT_TABLES[case]
    with pytest.raises(TableFormatError, match=message) as caught:
        read_table(written(tmp_path, content, name))
    assert caught.value.hint
    assert name in caught.value.message


@pytest.mark.parametrize("suffix", ["parquet", "npz"])
def test_truncated_binary_tables_are_refused(tmp_path, suffix):
    frame = pd.DataFrame({"a": np.arange(1000.0)})
    whole = tmp_path / "whole"
    if suffix == "parquet":
        frame.to_parquet(whole)
    else:
        with whole.open("wb") as file:
            np.savez(file, a=frame["a"].to_numpy())
    data = whole.read_bytes()
    for share in (0.2, 0.6, 0.99):
        path = written(tmp_path, data[: int(len(data) * share)], f"cut.{suffix}")
        with pytest.raises(TableFormatError, match="not a whole"):
            read_table(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.ones(3), "b": np.ones(4)}, "different numbers of rows: `a` has 3, `b` has 4"),
        ({"a": np.ones((2, 2, 2))}, r"shape \(2, 2, 2\)"),
        ({"a": np.float64(3.0)}, r"shape \(\)"),
        ({"a": np.array([{"code": 1}], dtype=object)}, "plain arrays"),
        ({"x": np.ones((2, 2)), "x1": np.ones(2)}, "column called `x1`"),
        ({}, "no columns"),
        ({"a": np.ones((2, 0))}, "no columns"),
        ({"a": np.ones(0)}, "no rows"),
    ],
)
def test_npz_that_is_no_table(tmp_path, arrays, message):
    np.savez(tmp_path / "t.npz", **arrays)
    with pytest.raises(TableFormatError, match=message):
        read_table(tmp_path / "t.npz")


def test_a_bare_array_called_npz_is_read_as_one_array(tmp_path):
    with (tmp_path / "t.npz").open("wb") as file:
        np.save(file, np.arange(4.0).reshape(2, 2))
    assert_array_equal(read_table(tmp_path / "t.npz")["c2"], [1, 3])


def test_missing_file_offers_the_nearest(tmp_path):
    written(tmp_path, "a\n1\n", "concrete.csv")
    with pytest.raises(TableFormatError, match="no file") as caught:
        read_table(tmp_path / "concerte.csv")
    assert "concrete.csv" in caught.value.hint
    with pytest.raises(TableFormatError, match="no file"):
        read_table(tmp_path / "nowhere" / "concrete.csv")
    with pytest.raises(TableFormatError, match="is a folder"):
        read_table(tmp_path)


def test_unreadable_file(tmp_path, monkeypatch):
    path = written(tmp_path, "a\n1\n")

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "read_bytes", refuse)
    with pytest.raises(TableFormatError, match="Permission denied"):
        read_table(path)


def test_with_names_a_first_row_of_text_and_numbers_is_ambiguous(tmp_path):
    path = written(tmp_path, "concrete,1.5\nglass,2.5\n")
    assert list(read_table(path).columns) == ["concrete", "1.5"]
    with pytest.raises(TableFormatError, match="could be a header"):
        read_table(path, names=["material", "strength"])


@pytest.mark.parametrize("names", [["a", "a"], ["a", " "], "ab"])
def test_names_that_are_none(tmp_path, names):
    with pytest.raises(ConfigurationError):
        read_table(written(tmp_path, "1,2\n"), names=names)


def test_names_of_the_wrong_number_in_every_format(tmp_path):
    np.savez(tmp_path / "t.npz", np.ones((4, 3)))
    with pytest.raises(TableFormatError, match="has 3 columns, but 2 names"):
        read_table(tmp_path / "t.npz", names=["a", "b"])
