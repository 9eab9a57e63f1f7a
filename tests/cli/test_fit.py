"""`fit`: a table in, a checked posterior out, and every bad table by its name."""

import json

import numpy as np
import pandas as pd
import pytest

from retrodict import Variable, load
from retrodict.cli.fit import _never_negative


def columns(table):
    return pd.read_csv(table)


def test_the_number_of_flows_is_that_asked_for(throws):
    assert load(throws / "model").num_members == 1


def test_names_units_and_bounds_are_kept(throws):
    model = load(throws / "model")
    assert [parameter.label for parameter in model.parameters_] == ["speed [m/s]", "angle [deg]"]
    assert [(p.lower, p.upper) for p in model.parameters_] == [(0, np.inf), (0, 90)]
    assert [observable.label for observable in model.observables_] == ["distance [m]", "time [s]"]


def test_what_is_never_negative_in_the_table_stays_so(capsys):
    variables = (Variable("mass"), Variable("charge"), Variable("heat", lower=-5.0))
    causes = np.array([[0.0, -1.0, 1.0], [3.0, 2.0, 2.0]])
    kept = _never_negative(variables, causes, "heat=-5:")
    assert [variable.lower for variable in kept] == [0.0, -np.inf, -5.0]
    assert "mass" in capsys.readouterr().err
    assert _never_negative(variables, causes, "*=:")[0].lower == -np.inf


def test_held_out_rows_are_rows_of_the_table_and_not_trained_on(throws, table):
    held_out = pd.read_parquet(throws / "held_out.parquet")
    frame = columns(table)
    assert len(held_out) == 60
    assert len(held_out.merge(frame, on=list(frame.columns))) == 60
    assert load(throws / "model").num_rows_ == 540


def test_a_table_has_no_simulator_to_compare_with(throws):
    metrics = json.loads((throws / "metrics.json").read_text())
    assert "recovery" in metrics
    assert "posterior_mismatch" not in metrics
    assert "resimulation_error" not in metrics


@pytest.mark.parametrize(
    ("change", "words", "said"),
    [
        (None, ("--x", "speed", "--y", "distanc"), "`distance`"),
        (None, ("--x", "speed,speed", "--y", "distance"), "speed"),
        (None, ("--x", "speed", "--y", "speed"), "either a cause or an effect"),
        (None, ("--x", "speed,", "--y", "distance"), "separated by commas"),
        (None, ("--x", "speed", "--y", "distance", "--bounds", "speed=9"), "lower:upper"),
        (None, ("--x", "speed", "--y", "distance", "--bounds", "weight=0:"), "weight"),
        (None, ("--x", "speed", "--y", "distance", "--bounds", "speed=9:3"), "below"),
        (None, ("--x", "speed", "--y", "distance", "--bounds", "*=0:10"), "speed = "),
        (None, ("--x", "speed", "--y", "distance", "--names", "a,b"), "4 columns"),
        (None, ("--x", "speed", "--y", "distance", "--test-fraction", "0.01"), "at least 20"),
        (lambda f: f.assign(speed=np.nan), ("--x", "speed", "--y", "distance"), "600 NaN"),
        (lambda f: f.assign(time=np.inf), ("--x", "speed", "--y", "time"), "600 inf"),
        (lambda f: f.assign(speed="fast"), ("--x", "speed", "--y", "distance"), "fast"),
        (lambda f: f.assign(speed=3.0), ("--x", "speed", "--y", "distance"), "speed"),
        (lambda f: f.assign(time=3.0), ("--x", "speed", "--y", "time"), "time"),
        (lambda f: f.head(30), ("--x", "speed", "--y", "time", "--test-fraction", "0.7"), "rows"),
        (lambda f: f.head(0), ("--x", "speed", "--y", "time"), "no rows"),
    ],
    ids=[
        "missing column", "twice", "cause and effect", "empty name", "no bounds",
        "bounds of nothing", "bounds in wrong order", "outside bounds", "too few names",
        "too few to check", "nan", "infinite", "text", "constant cause", "constant effect",
        "too few rows", "no rows",
    ],
)  # fmt: skip
def test_bad_tables_and_mistakes(retrodict, table, tmp_path, change, words, said):
    if change is not None:
        frame = change(columns(table))
        table = tmp_path / "changed.csv"
        frame.to_csv(table, index=False, na_rep="nan")
    answer = retrodict("fit", table, *words, "--output", tmp_path / "run")
    assert answer.code == 2
    assert answer.out == ""
    assert "error: " in answer.err
    assert "hint: " in answer.err
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["nothing.csv", "folder.csv", "picture.png"])
def test_what_is_no_table(retrodict, tmp_path, name):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    answer = retrodict("fit", tmp_path / name, "--x", "a", "--y", "b")
    assert answer.code == 2
    assert name in answer.err


def test_a_table_that_changed_is_not_resumed(retrodict, throws, table, tmp_path, copied):
    run = copied(throws)
    changed = columns(table)
    changed.loc[0, "speed"] += 1
    changed.to_csv(table.with_name("other.csv"), index=False)
    record = json.loads((run / "run.json").read_text())
    words = record["command"].replace(str(table), str(table.with_name("other.csv"))).split()[1:]
    words = [word.strip("'") for word in words]
    words[words.index("--output") + 1] = str(run)
    answer = retrodict(*words, "--resume")
    assert answer.code == 2
    assert "sha256" in answer.err


@pytest.mark.parametrize("suffix", [".parquet", ".npz", ".tsv", ".txt"])
def test_other_formats_and_tables_without_a_header(retrodict, table, tmp_path, suffix):
    """Only as far as the bounds, which every value of the table violates: fast, and it was read."""
    frame, path = columns(table), tmp_path / f"throws{suffix}"
    names = ()
    if suffix == ".parquet":
        frame.to_parquet(path)
    elif suffix == ".npz":
        np.savez(path, **{name: frame[name].to_numpy() for name in frame})
    elif suffix == ".tsv":
        frame.to_csv(path, sep="\t", index=False)
    else:
        frame.to_csv(path, sep=" ", index=False, header=False)
        names = ("--names", ",".join(frame.columns))
    words = ("--x", "speed", "--y", "distance", "--bounds", "speed=-2:-1", *names)
    answer = retrodict("fit", path, *words)
    assert answer.code == 2
    assert "600 values in 600 of 600 rows" in answer.err
