"""The page in headless Chromium: complete, silent, and without a look at the network."""

import json
import shutil
import subprocess
from typing import NamedTuple

import pytest

from retrodict.report import write

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for path in map(shutil.which, NAMES) if path), None)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium to open pages in; Debian's package `chromium` has one"
)


class Seen(NamedTuple):
    """What came of opening a page: its document, what it said, and what it asked for."""

    document: str
    log: str
    asked: set


def opened(page, folder):
    finished = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            f"--user-data-dir={folder / 'profile'}",
            f"--log-net-log={folder / 'net.json'}",
            "--window-size=390,844",
            "--virtual-time-budget=5000",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    events = json.loads((folder / "net.json").read_text(encoding="utf-8"))["events"]
    requests = [event["params"] for event in events if "initiator" in event.get("params", {})]
    # What the browser itself looks up, such as the time, has no page as its origin.
    asked = {each["url"] for each in requests if each["initiator"] != "not an origin"}
    return Seen(finished.stdout, finished.stderr, asked)


@pytest.fixture(scope="module")
def report(full, tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    page = write(full, folder / "report.html")
    return page.read_text(encoding="utf-8"), opened(page, folder)


def test_nothing_is_said_in_the_console(report):
    assert "CONSOLE" not in report[1].log


def test_no_request_leaves_the_page(report):
    assert report[1].asked == set()


def test_the_whole_page_is_there(report):
    written, seen = report
    assert seen.document.count("<img ") == written.count("<img ") == 10
    assert seen.document.count("<table") == written.count("<table")
    assert seen.document.rstrip().endswith("</html>")


def test_requests_and_complaints_would_have_been_seen(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        '<!DOCTYPE html><img src="http://localhost:9/a.png"><script>console.error("bad")</script>'
    )
    seen = opened(page, tmp_path)
    assert seen.asked == {"http://localhost:9/a.png"}
    assert "CONSOLE" in seen.log
