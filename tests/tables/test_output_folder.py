"""New results replace older ones of their kind when asked to, and nothing else ever."""

import shutil

import pytest

from retrodict.errors import OutputExistsError, OutputNotWritableError
from retrodict.tables.output_folder import make_output_folder


def make(path, *, force=False):
    make_output_folder(
        path, "a survey", record="survey.json", parts=("rows", "page.html"), force=force
    )


@pytest.fixture
def older(tmp_path):
    """A survey, with a file of somebody's own in its folder."""
    folder = tmp_path / "older"
    (folder / "rows" / "deep").mkdir(parents=True)
    for name in ("survey.json", "page.html", "rows/deep/1.json", "notes.txt"):
        (folder / name).write_text("x")
    return folder


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_new_folder_is_made_with_its_parents_and_an_empty_one_taken(tmp_path):
    make(tmp_path / "a" / "b")
    make(tmp_path / "a" / "b")
    assert names(tmp_path) == ["a", "a/b"]


def test_older_results_stay_unless_forced_and_other_files_always(older):
    before = names(older)
    with pytest.raises(OutputExistsError, match="exists already") as raised:
        make(older)
    assert "--resume" in raised.value.hint
    assert names(older) == before
    make(older, force=True)
    assert names(older) == ["notes.txt"]


@pytest.mark.parametrize("force", [False, True])
def test_what_is_something_else_is_not_deleted(older, force):
    (older / "survey.json").unlink()
    before = names(older)
    with pytest.raises((OutputExistsError, OutputNotWritableError)) as raised:
        make(older, force=force)
    assert ("holds something that is not a survey" in raised.value.message) == force
    assert "--resume" not in raised.value.hint
    assert names(older) == before


def test_what_a_link_leads_to_stays(older, tmp_path):
    outside = tmp_path / "outside"
    shutil.move(older / "rows", outside)
    (older / "rows").symlink_to(outside)
    make(older, force=True)
    assert names(older) == ["notes.txt"]
    assert names(outside) == ["deep", "deep/1.json"]


def test_what_an_interruption_leaves_is_known_for_what_it_is(older, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(OutputNotWritableError, match="Permission denied"):
        make(older, force=True)
    monkeypatch.undo()
    make(older, force=True)
    assert names(older) == ["notes.txt"]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputNotWritableError, match="is a file; a survey needs a folder"):
        make(tmp_path / "file", force=True)
    with pytest.raises(OutputNotWritableError, match="cannot be written"):
        make(tmp_path / "file" / "below")
