"""Reference data that is there, is not there, or is made up here and registered for a test."""

import hashlib

import pytest

from retrodict.datasets import registry


@pytest.fixture
def reference_data(data_folder, monkeypatch):
    """The real files, named by `RETRODICT_DATA`; the test is skipped without them."""
    monkeypatch.setenv("RETRODICT_DATA", str(data_folder))
    return data_folder


@pytest.fixture
def register(monkeypatch):
    """Make the package expect these bytes, by path, in place of the files that it knows."""

    def register(contents):
        files = {
            path: registry.RegisteredFile(
                path, hashlib.sha256(content).hexdigest(), registry.registry()[path].origin
            )
            for path, content in contents.items()
        }
        monkeypatch.setattr(registry, "registry", lambda: files)

    return register


@pytest.fixture
def own_files(register, tmp_path, monkeypatch):
    """Make the package expect these bytes, and put them into `RETRODICT_DATA`."""

    def own_files(contents):
        register(contents)
        for path, content in contents.items():
            file = tmp_path / "data" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        monkeypatch.setenv("RETRODICT_DATA", str(tmp_path / "data"))
        return tmp_path / "data"

    return own_files
