"""What is written can be read back, to the last bit, or is not written at all."""

import errno
import os
import resource
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from retrodict.errors import (
    ConfigurationError,
    DataError,
    NotNumericError,
    OutputExistsError,
    OutputNotWritableError,
    ShapeError,
)
from retrodict.tables import read_table, write_table

SUFFIXES = ["csv", "tsv", "parquet", "npz"]
FRAME = pd.DataFrame({"a": [1.5, -2.25], "b": [3.0, 4.0]})

names = st.text(
    st.characters(categories=["L", "N", "P", "S"], include_characters=" "), min_size=1, max_size=8
).filter(lambda name: name == name.strip() and not name.replace(".", "").isnumeric())
numbers = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=True)


@st.composite
def frames(draw):
    columns = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    num_rows = draw(st.integers(1, 5))
    return pd.DataFrame(
        {
            name: draw(st.lists(numbers, min_size=num_rows, max_size=num_rows))
            for name in ["label", *columns]
            if name != "label" or "label" not in columns
        }
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(frame=frames())
def test_round_trip(tmp_path, suffix, frame):
    path = tmp_path / f"t.{suffix}"
    write_table(frame, path, force=True)
    read = read_table(path)
    assert list(read.columns) == list(frame.columns)
    assert read.to_numpy(dtype=float).tobytes() == frame.to_numpy().tobytes()


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_text_and_missing_values_survive(tmp_path, suffix):
    frame = pd.DataFrame(
        {"#kind": ["a,b", "# c", 'say "hi"', "tab\there"], "v": [1.0, np.nan, np.inf, -np.inf]}
    )
    write_table(frame, tmp_path / f"t.{suffix}")
    pd.testing.assert_frame_equal(read_table(tmp_path / f"t.{suffix}"), frame)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_one_column(tmp_path, suffix):
    frame = pd.DataFrame({"a": [1.0, np.nan, 3.0]})
    write_table(frame, tmp_path / f"t.{suffix}")
    pd.testing.assert_frame_equal(read_table(tmp_path / f"t.{suffix}"), frame)


def test_npz_takes_text_and_any_name(tmp_path):
    frame = pd.DataFrame({"file": [1.0, 2.0], "kind": ["u", "v"], "a.npy": [1, 2]})
    write_table(frame, tmp_path / "t.npz")
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.npz"), frame, check_dtype=False)


def test_the_index_is_not_written(tmp_path):
    for suffix in SUFFIXES:
        write_table(FRAME.set_axis([5, 3]), tmp_path / f"t.{suffix}")
        pd.testing.assert_frame_equal(read_table(tmp_path / f"t.{suffix}"), FRAME)


@pytest.mark.parametrize(
    ("frame", "name", "error", "message"),
    [
        (FRAME, "t.xlsx", ConfigurationError, r"\.csv"),
        (FRAME, "t", ConfigurationError, r"\.csv"),
        (FRAME[[]], "t.csv", ShapeError, "at least one column"),
        (FRAME.set_axis(["a", "a"], axis=1), "t.csv", DataError, "more than once: a"),
        (FRAME.set_axis([0, 1], axis=1), "t.csv", DataError, "all numbers"),
        (FRAME.assign(a=[None, "u"]), "t.npz", NotNumericError, "`a` is .* with missing"),
        (FRAME.assign(a=pd.Series([1, "u"], dtype=object)), "t.parquet", DataError, "Parquet"),
    ],
)
def test_tables_that_cannot_be_written(tmp_path, frame, name, error, message):
    with pytest.raises(error, match=message):
        write_table(frame, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_existing_file_is_kept_unless_forced(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    path.write_text("precious")
    with pytest.raises(OutputExistsError, match="exists already"):
        write_table(FRAME, path)
    assert path.read_text() == "precious"
    assert write_table(FRAME, path, force=True) == path
    pd.testing.assert_frame_equal(read_table(path), FRAME)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path, monkeypatch):
    path, fsync = tmp_path / "t.csv", os.fsync

    def race(descriptor):
        path.write_text("precious")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", race)
    with pytest.raises(OutputExistsError):
        write_table(FRAME, path)
    assert path.read_text() == "precious"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"t.{suffix}"
    write_table(FRAME, path)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputNotWritableError, match="No space left on device"):
        write_table(FRAME + 1, path, force=True)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_write_cut_in_the_middle_leaves_nothing(tmp_path, suffix):
    frame = pd.DataFrame({"a": np.random.default_rng(3).standard_normal(50_000)})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OutputNotWritableError, match="cannot be written"):
            write_table(frame, tmp_path / f"t.{suffix}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list(tmp_path.iterdir())


def test_ctrl_c_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_table(FRAME, tmp_path / "t.csv")
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.csv").mkdir()
    for place in ("file/t.csv", "nowhere/t.csv", "folder.csv"):
        with pytest.raises(OutputNotWritableError):
            write_table(FRAME, tmp_path / place, force=True)
    (tmp_path / "full.csv").symlink_to("/dev/full")
    with pytest.raises(OutputNotWritableError, match="not a regular file"):
        write_table(FRAME, tmp_path / "full.csv", force=True)
    assert not Path("/dev/full").is_file()
