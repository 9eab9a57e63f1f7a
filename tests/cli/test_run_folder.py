"""Nothing is overwritten unasked, and a record can be read back or says why not."""

import json
from dataclasses import replace

import pytest

from retrodict.cli import run_folder
from retrodict.cli.run_folder import Record, RunFolder, State
from retrodict.errors import (
    BundleCorruptedError,
    BundleNotFoundError,
    BundleVersionError,
    ConfigurationError,
    OutputExistsError,
    OutputNotWritableError,
)

RECORD = Record("retrodict run two-moons", {"problem": "two-moons", "seed": 3, "model": {}})


def test_a_record_comes_back(tmp_path):
    folder = run_folder.create(tmp_path / "a" / "b", RECORD, force=False)
    assert folder.read_record() == RECORD


def test_an_empty_folder_is_free(tmp_path):
    run_folder.create(tmp_path, RECORD, force=False)
    assert RunFolder(tmp_path).read_record() == RECORD


def test_an_older_run_is_kept(tmp_path):
    run_folder.create(tmp_path / "run", RECORD, force=False)
    with pytest.raises(OutputExistsError, match="--resume"):
        run_folder.create(tmp_path / "run", replace(RECORD, command="other"), force=False)
    assert RunFolder(tmp_path / "run").read_record() == RECORD


def test_force_replaces_a_run_and_nothing_else(tmp_path):
    folder = run_folder.create(tmp_path, RECORD, force=False)
    folder.model.mkdir()
    (folder.model / "weights").touch()
    folder.report.touch()
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    run_folder.create(tmp_path, replace(RECORD, command="other"), force=True)
    assert folder.read_record().command == "other"
    assert not folder.model.exists()
    assert not folder.report.exists()
    assert notes.read_text() == "mine"


@pytest.mark.parametrize("force", [False, True])
def test_what_is_no_run_is_never_replaced(tmp_path, force):
    (tmp_path / "thesis.tex").touch()
    expected = OutputNotWritableError if force else OutputExistsError
    with pytest.raises(expected):
        run_folder.create(tmp_path, RECORD, force=force)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("force", [False, True])
def test_a_file_is_no_folder(tmp_path, force):
    path = tmp_path / "file"
    path.write_text("mine")
    with pytest.raises(OutputNotWritableError, match="file"):
        run_folder.create(path, RECORD, force=force)
    assert path.read_text() == "mine"


def test_a_folder_below_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputNotWritableError):
        run_folder.create(tmp_path / "file" / "run", RECORD, force=False)


def test_a_discarded_run_leaves_no_trace(tmp_path):
    folder = run_folder.create(tmp_path / "run", RECORD, force=False)
    run_folder.discard(folder)
    assert not folder.path.exists()


def test_resuming_says_how_far_the_run_got(tmp_path):
    folder = run_folder.create(tmp_path, RECORD, force=False)
    folder.write_record(replace(RECORD, state=State.INTERRUPTED))
    assert run_folder.resume(tmp_path, RECORD) == (folder, State.INTERRUPTED)


def test_resuming_with_other_settings_is_refused(tmp_path):
    run_folder.create(tmp_path, RECORD, force=False)
    other = replace(RECORD, settings={**RECORD.settings, "seed": 4})
    with pytest.raises(ConfigurationError, match="seed: 3 then, 4 now") as caught:
        run_folder.resume(tmp_path, other)
    assert RECORD.command in caught.value.hint


def test_there_has_to_be_something_to_resume(tmp_path):
    with pytest.raises(BundleNotFoundError, match=r"run\.json"):
        run_folder.resume(tmp_path, RECORD)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda text: text[: len(text) // 2], BundleCorruptedError),
        (lambda text: "[]", BundleCorruptedError),
        (lambda text: text.replace('"training"', '"dreaming"'), BundleCorruptedError),
        (lambda text: text.replace('"settings"', '"setting"'), BundleCorruptedError),
        (lambda text: "\x00\xff", BundleCorruptedError),
        (
            lambda text: json.dumps({**json.loads(text), "schema_version": 99}),
            BundleVersionError,
        ),
    ],
    ids=["truncated", "a list", "unknown state", "edited", "binary", "newer"],
)
def test_a_damaged_record_is_named(tmp_path, change, error):
    run_folder.create(tmp_path, RECORD, force=False)
    path = tmp_path / "run.json"
    path.write_text(change(path.read_text()))
    with pytest.raises(error, match=r"run\.json"):
        RunFolder(tmp_path).read_record()
