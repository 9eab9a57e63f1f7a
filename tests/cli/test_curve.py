"""`retrodict curve`: a table on stdout, a folder to go on from."""

import json

import pytest

ARGUMENTS = ("two-moons", "--solver", "abc", "--size", "150", "--size", "300")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("curve") / "moons"


def again_as_json(retrodict, folder):
    again = retrodict(
        "curve", *ARGUMENTS, "--num-held-out", "40", "-o", folder, "--resume", "--json"
    )
    assert again.code == 0
    assert "150 pairs: finished already" in again.err
    assert [p["num_pairs"] for p in json.loads(again.out)["points"]] == [150, 300]
    return again.out


def test_a_curve_and_its_resumption(retrodict, folder):
    first = retrodict("curve", *ARGUMENTS, "--num-held-out", "40", "-o", folder)
    assert first.code == 0
    lines = first.out.splitlines()
    assert lines[0].startswith("| simulations |")
    assert [line.split("|")[1].strip() for line in lines[2:4]] == ["150", "300"]
    assert lines[-1] == json.loads(again_as_json(retrodict, folder))["projection"]
    for name in ("curve.md", "curve.csv", "curve.png", "curve.json"):
        assert (folder / name).is_file()


def test_mistakes_are_explained(retrodict, folder, tmp_path):
    answer = retrodict("curve", *ARGUMENTS, "--wanted", "2", "-o", tmp_path / "other")
    assert answer.code == 2
    assert "between 0 and 1" in answer.err
    assert retrodict("curve", "two-moonz", "-o", tmp_path / "other").code == 2
