"""Files that are there, cached, fetched from a server on this machine, damaged or out of reach."""

import socket
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from retrodict.datasets import find_file, registry
from retrodict.errors import (
    CapabilityError,
    ConfigurationError,
    DataError,
    OutputNotWritableError,
    RetrodictWarning,
)

PATH = "sbibm/two_moons/num_observation_1/observation.csv"
ORIGIN = (
    "/sbi-benchmark/sbibm/f0bc44039e6b7e095c18d4e9e64819d75be76587"
    "/sbibm/tasks/two_moons/files/num_observation_1/observation.csv"
)
CONTENT = b"data_1,data_2\n1.5,-0.25\n"


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """No data folder, an empty cache, and no proxy between the test and its server."""
    monkeypatch.delenv("RETRODICT_DATA", raising=False)
    monkeypatch.setenv("RETRODICT_CACHE", str(tmp_path / "cache"))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture
def own(own_files):
    """The file in the data folder."""
    return own_files({PATH: CONTENT}) / PATH


@pytest.fixture
def known(register):
    """The file is registered, and nowhere on this machine."""
    register({PATH: CONTENT})


@pytest.fixture
def offline(monkeypatch):
    """The origin is a port that nobody listens to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(registry, "HOST", f"http://127.0.0.1:{port}")


class Origin(ThreadingHTTPServer):
    """Serves `content` at `ORIGIN`, and remembers what was asked for."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.content, self.length, self.asked = CONTENT, None, []


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_response(200 if self.path == ORIGIN else 404)
        self.send_header("Content-Length", self.server.length or len(self.server.content))
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def origin(monkeypatch, known):
    with Origin() as server:
        monkeypatch.setattr(registry, "HOST", f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_an_own_file_is_found_without_a_connection(own, offline):
    assert find_file(PATH) == own


@pytest.mark.parametrize(
    "damaged", [CONTENT[:-3], b"", CONTENT.replace(b"1", b"2"), CONTENT.replace(b"\n", b"\r\n")]
)
def test_a_damaged_own_file_is_refused_and_left_alone(damaged, own, origin):
    own.write_bytes(damaged)
    with pytest.raises(DataError, match=f"{len(damaged)} bytes") as raised:
        find_file(PATH)
    assert str(own) in raised.value.message
    assert registry.registry()[PATH].sha256 in raised.value.message
    assert registry.registry()[PATH].address in raised.value.hint
    assert own.read_bytes() == damaged
    assert not origin.asked


def test_a_file_is_fetched_once_and_then_taken_from_the_cache(origin, cache):
    for _ in range(2):
        found = find_file(PATH)
        assert found == cache / PATH
        assert found.read_bytes() == CONTENT
    assert origin.asked == [ORIGIN]


def test_a_damaged_cached_file_is_fetched_anew(origin):
    find_file(PATH).write_bytes(CONTENT[:-1])
    assert find_file(PATH).read_bytes() == CONTENT
    assert origin.asked == [ORIGIN, ORIGIN]


@pytest.mark.parametrize("exists", [True, False])
def test_a_file_that_the_data_folder_lacks_is_said_so_and_fetched(
    exists, origin, cache, tmp_path, monkeypatch
):
    folder = tmp_path / "mine"
    if exists:
        folder.mkdir()
    monkeypatch.setenv("RETRODICT_DATA", str(folder))
    with pytest.warns(RetrodictWarning, match=f"{folder} of RETRODICT_DATA lacks .* `sbibm`"):
        assert find_file(PATH) == cache / PATH
    assert origin.asked == [ORIGIN]


def test_an_empty_variable_names_no_folder(origin, cache, monkeypatch):
    monkeypatch.setenv("RETRODICT_DATA", "")
    assert find_file(PATH) == cache / PATH


def test_a_copy_of_the_cache_serves_as_data_folder(origin, cache, tmp_path, monkeypatch):
    find_file(PATH)
    cache.rename(tmp_path / "copy")
    monkeypatch.setenv("RETRODICT_DATA", str(tmp_path / "copy"))
    assert find_file(PATH) == tmp_path / "copy" / PATH
    assert origin.asked == [ORIGIN]


@pytest.mark.parametrize("content", [b"<html>Please log in</html>", CONTENT[:-1], b""])
def test_other_bytes_from_the_origin_are_refused_and_not_kept(content, origin, cache):
    origin.content = content
    with pytest.raises(DataError, match="is something else") as raised:
        find_file(PATH)
    assert registry.registry()[PATH].address in raised.value.hint
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_a_transfer_that_breaks_off_is_told(origin, cache):
    origin.length = len(CONTENT) + 1
    with pytest.raises(DataError, match="transfer") as raised:
        find_file(PATH)
    assert "DIR/" + PATH in raised.value.hint
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_what_is_no_longer_at_the_origin_is_told(origin, monkeypatch):
    monkeypatch.setattr(registry, "HOST", f"{registry.HOST}/moved")
    with pytest.raises(DataError, match="answers 404"):
        find_file(PATH)


def test_offline_one_error_says_what_where_and_how_to_get_it(known, offline):
    with pytest.raises(DataError, match="no connection") as raised:
        find_file(PATH)
    address = f"{registry.HOST}{ORIGIN}"
    assert f"`{PATH}`" in raised.value.message
    assert "RETRODICT_DATA, which names a folder to look in first, is not set" in (
        raised.value.message
    )
    assert f"save {address} as DIR/{PATH}" in raised.value.hint
    assert "RETRODICT_DATA=DIR" in raised.value.hint
    shown = "".join(traceback.format_exception(raised.value))
    assert "requests" not in shown
    assert "urllib" not in shown


def test_offline_a_data_folder_without_the_file_is_named(known, offline, tmp_path, monkeypatch):
    monkeypatch.setenv("RETRODICT_DATA", str(tmp_path))
    with (
        pytest.warns(RetrodictWarning),
        pytest.raises(DataError, match=f"{tmp_path} of RETRODICT_DATA lacks it"),
    ):
        find_file(PATH)


def test_offline_a_cached_file_is_enough(origin, monkeypatch):
    found = find_file(PATH)
    monkeypatch.setattr(registry, "HOST", "http://127.0.0.1:9")
    assert find_file(PATH) == found


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (requests.ReadTimeout("read timed out"), "does not answer in time"),
        (requests.ConnectTimeout("connect timed out"), "does not answer in time"),
        (requests.exceptions.SSLError("bad certificate"), r"no connection .* \(SSLError\)"),
        (requests.exceptions.ProxyError("tunnel"), r"no connection .* \(ProxyError\)"),
        (requests.TooManyRedirects("thirty"), "TooManyRedirects: thirty"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_failures_of_the_network_are_told_apart(failure, told, known, monkeypatch):
    def fail(*arguments, **options):
        raise failure

    monkeypatch.setattr(requests.Session, "request", fail)
    with pytest.raises(DataError, match=told):
        find_file(PATH)


def test_without_pooch_the_error_says_how_to_install_it(known, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(CapabilityError, match="pooch") as raised:
        find_file(PATH)
    assert "pip install 'retrodict[data]'" in raised.value.hint
    assert "RETRODICT_DATA=DIR" in raised.value.hint


def test_without_pooch_an_own_file_is_enough(own, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    assert find_file(PATH) == own


def test_a_cache_that_cannot_be_written_is_told(origin, cache):
    cache.write_text("not a folder")
    with pytest.raises(OutputNotWritableError, match=str(cache)) as raised:
        find_file(PATH)
    assert "RETRODICT_CACHE" in raised.value.hint


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("sbibm/two-moons/num_observation_1/observation.csv", f"Did you mean `{PATH}`"),
        ("sbibm/../../etc/passwd", "Paths are like"),
        ("/etc/passwd", "Paths are like"),
        ("", "Paths are like"),
    ],
)
def test_an_unknown_path_is_refused(path, hint):
    with pytest.raises(ConfigurationError, match="There is no reference file") as raised:
        find_file(path)
    assert hint in raised.value.hint
