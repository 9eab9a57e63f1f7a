import pytest

from retrodict.errors import OutputExistsError, OutputNotWritableError
from retrodict.report import render, write


def test_it_writes_what_it_renders_and_nothing_else(bare, tmp_path):
    path = write(bare, tmp_path / "report.html")
    assert path.read_text(encoding="utf-8") == render(bare)
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_a_report_that_exists_is_kept_unless_asked(bare, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("mine")
    with pytest.raises(OutputExistsError, match=r"report\.html"):
        write(bare, path)
    assert path.read_text() == "mine"
    write(bare, str(path), force=True)
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_missing_folder_and_a_folder_as_file_are_refused(bare, tmp_path):
    with pytest.raises(OutputNotWritableError, match="No such file"):
        write(bare, tmp_path / "none" / "report.html")
    with pytest.raises(OutputNotWritableError, match="not a regular file"):
        write(bare, tmp_path, force=True)


def test_a_full_disk_leaves_the_old_report_and_no_remains(bare, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("mine")

    def full_disk(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OutputNotWritableError, match="No space left"):
        write(bare, path, force=True)
    monkeypatch.undo()
    assert path.read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
