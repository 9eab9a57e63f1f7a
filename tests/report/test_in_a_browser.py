"""Pages in headless Chromium: complete, silent, without a look at the network, fit for a phone."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from retrodict import cli
from retrodict.report import write

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for path in map(shutil.which, NAMES) if path), None)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium to open pages in; Debian's package `chromium` has one"
)
PHONE, MOST_BYTES = 390, 8_000_000
CONCRETE = (
    "cement[kg/m³],slag[kg/m³],ash[kg/m³],water[kg/m³],plasticiser[kg/m³],coarse[kg/m³],"
    "fine[kg/m³],age[d],strength[MPa]"
)
# One network, for two epochs only: what is looked at here is the page, not the posterior.
BRIEFLY = ("--flow", "real-nvp", "--max-epochs", "2", "--num-members", "1")

# The page forbids scripts, so a page around it measures it, as wide as a phone.
MEASURED = """<!DOCTYPE html><meta charset="utf-8"><title></title>
<iframe style="border:0;width:{width}px;height:40000px" srcdoc="{page}"></iframe>
<pre id="found"></pre>
<script>
onload = () => {{
  const page = document.querySelector("iframe").contentDocument, root = page.documentElement;
  const pictures = [...page.images];
  document.querySelector("#found").textContent = JSON.stringify({{
    width: root.clientWidth,
    needed: root.scrollWidth,
    pictures: pictures.length,
    broken: pictures.filter(each => !each.complete || !each.naturalWidth).length,
    sections: [...page.querySelectorAll("section[id]")].map(each => each.id),
  }});
}};
</script>
"""


class Seen(NamedTuple):
    """What came of opening a page: its document, what it said, and what it asked for."""

    document: str
    log: str
    asked: set

    @property
    def measured(self):
        """What the page around it has found."""
        found = re.search(r'<pre id="found">(.+?)</pre>', self.document)
        return json.loads(html.unescape(found.group(1)))


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


def on_a_phone(written, folder):
    around = folder / "around.html"
    around.write_text(MEASURED.format(width=PHONE, page=html.escape(written)), encoding="utf-8")
    return opened(around, folder)


@pytest.fixture(scope="module")
def report(full, tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    page = write(full, folder / "report.html")
    return page.read_text(encoding="utf-8"), opened(page, folder)


def made(folder, *words):
    assert cli.main([*map(str, words), *BRIEFLY, "--output", str(folder / "run")]) == 0
    return (folder / "run" / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def of_a_problem(tmp_path_factory):
    folder = tmp_path_factory.mktemp("arm")
    words = ("run", "inverse-kinematics", "-n", 1000, "--num-held-out", 25)
    return made(folder, *words), folder


@pytest.fixture(scope="module")
def of_a_table(tmp_path_factory, data_folder):
    table = Path(data_folder) / "uci" / "concrete" / "data.txt"
    if not table.is_file():
        pytest.skip("the data folder has no uci/concrete/data.txt")
    folder = tmp_path_factory.mktemp("concrete")
    causes = "cement,slag,ash,water,plasticiser,coarse,fine"
    words = ("fit", table, "--names", CONCRETE, "--x", causes, "--y", "age,strength")
    return made(folder, *words), folder


def test_nothing_is_said_in_the_console(report):
    assert "CONSOLE" not in report[1].log


def test_no_request_leaves_the_page(report):
    assert report[1].asked == set()


def test_the_whole_page_is_there(report):
    written, seen = report
    assert seen.document.count("<img ") == written.count("<img ") == 14
    assert seen.document.count("<table") == written.count("<table")
    assert seen.document.rstrip().endswith("</html>")


def test_whatever_is_wrong_with_a_page_would_have_been_seen(tmp_path):
    """Requests, complaints, a page too wide and broken pictures, from within the page around it."""
    page = (
        '<!DOCTYPE html><div style="width:391px">a</div><img src="data:image/png;base64,AAAA">'
        '<img src="http://localhost:9/a.png"><script>console.error("bad")</script>'
    )
    seen = on_a_phone(page, tmp_path)
    assert seen.asked == {"http://localhost:9/a.png"}
    assert "CONSOLE" in seen.log
    assert (seen.measured["width"], seen.measured["broken"]) == (PHONE, 2)
    assert seen.measured["needed"] > PHONE


@pytest.mark.parametrize("kind", ["of_a_problem", "of_a_table"])
def test_the_report_of_a_run_opens_anywhere(kind, request):
    written, folder = request.getfixturevalue(kind)
    assert len(written.encode()) <= MOST_BYTES
    seen = on_a_phone(written, folder)
    assert "CONSOLE" not in seen.log
    assert seen.asked == set()
    measured = seen.measured
    assert measured["width"] == PHONE
    assert measured["needed"] <= PHONE
    # Three posteriors each; of a problem, also what they predict, and re-simulation, but of 25
    # observations not the use of each observable.
    assert measured["pictures"] == (15 if kind == "of_a_problem" else 12)
    assert measured["broken"] == 0
    assert {"problem", "calibration", "posteriors", "typical", "repeat"} <= {*measured["sections"]}


def test_the_report_of_a_problem_tells_its_prior_and_what_its_posteriors_predict(of_a_problem):
    written, _ = of_a_problem
    assert "normal, mean 0, sd 0.25" in written
    assert "Trained on 1,000 simulated pairs, tested on 25 others." in written
    assert written.count("What its posterior predicts") == 3
    assert "The use of each observable was not looked at" in written
    assert "Posterior z-scores of 25 observations" in written


def test_the_report_of_a_table_has_its_units_and_no_simulator(of_a_table):
    written, _ = of_a_table
    assert "Trained on 927 rows of the table, tested on 103 others." in written
    assert "<td>kg/m³</td>" in written
    assert "cement [kg/m³]" in written
    assert "What its posterior predicts" not in written
    assert "from 1000 draws" in written
