"""What the rows come to: means beside published ones, as table, files and page."""

import json
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retrodict.bench import Bench, Row, Settings, Summary, result
from retrodict.bench.markdown import COLUMNS, cells, markdown, notes
from retrodict.bench.page import render
from retrodict.bench.published import published_budgets, published_results
from retrodict.datasets import SBIBM_TASKS, sbibm_published
from retrodict.errors import BundleCorruptedError, BundleNotFoundError, OutputNotWritableError

SETTINGS = Settings(("two-moons",), (60,), (1, 2), (1,))


def row(number, c2st, **others):
    return Row(
        "two-moons", 60, 1, number, c2st, 0.01 * number, 2.0, 3.0, 4.0, "converged", 9, 0,
        f"2026-01-0{number}T00:00:00Z", "a machine", **others,
    )  # fmt: skip


def bench(published, *accuracies, **settings):
    rows = tuple(row(i + 1, accuracy) for i, accuracy in enumerate(accuracies))
    return Bench(replace(SETTINGS, **settings), rows, published, {"class": "Moons"})


def test_published_means_are_over_the_same_observations(published):
    found = published_results(published, "two-moons", 60, (1, 3))
    assert list(found) == ["NPE", "SNPE", "NLE", "SMC-ABC"]
    npe = published[(published["algorithm"] == "NPE") & published["num_observation"].isin([1, 3])]
    assert found["NPE"].c2st == pytest.approx(0.72) == npe["c2st"].mean()
    assert found["NPE"].mmd == pytest.approx(npe["mmd"].mean())
    assert found["NPE"].minutes == pytest.approx(4.0)
    # Of the observations that have one, and of none.
    assert found["SNPE"].minutes == pytest.approx(6.0)
    assert found["SMC-ABC"].minutes is None
    assert "NLE" not in published_results(published, "two-moons", 60, (1, 2))
    assert published_results(published, "two-moons", 61, (1,)) == {}
    assert published_results(published, "slcp", 60, (1,)) == {}
    assert published_budgets(published, "two-moons") == (60,)


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("two-moons", (0.725, 0.606, 0.542, 0.554, 0.530)),
        ("gaussian-mixture", (0.716, 0.615, 0.548, 0.551, 0.531)),
        ("linear-gaussian", (0.694, 0.552, 0.506, 0.536, 0.506)),
        ("slcp", (0.975, 0.901, 0.831, 0.713, 0.578)),
        ("sir", (0.815, 0.680, 0.585, 0.561, 0.547)),
        ("lotka-volterra", (0.999, 0.997, 0.981, 0.738, 0.695)),
    ],
    ids=list(SBIBM_TASKS),
)
def test_published_means_of_the_paper(task, expected, data_folder, monkeypatch):
    """NPE at three budgets as others quote it, and the best of all at the last two."""
    monkeypatch.setenv("RETRODICT_DATA", str(data_folder))
    table = sbibm_published()
    budgets = (1_000, 10_000, 100_000)
    assert published_budgets(table, task) == budgets
    found = [published_results(table, task, num, range(1, 11)) for num in budgets]
    npe = [one["NPE"].c2st for one in found]
    best = [min(each.c2st for each in one.values()) for one in found[1:]]
    np.testing.assert_allclose([*npe, *best], expected, atol=0.0006)


def test_a_summary_is_of_observations_and_seeds(published):
    accuracies = [0.55, 0.6, 0.8]
    rows = [row(i + 1, accuracy) for i, accuracy in enumerate(accuracies)]
    found = Summary.of(rows, published_results(published, "two-moons", 60, (1, 2)))
    assert found.c2st_mean == pytest.approx(0.65)
    assert found.c2st_sd == pytest.approx(pd.Series(accuracies).std())
    assert found.c2st_median == 0.6
    assert found.mmd_mean == pytest.approx(0.02)
    assert (found.fit_seconds, found.sampling_seconds) == (3.0, 4.0)
    assert found.best_published.algorithm == "SNPE"
    assert (found.beats_amortised, found.beats_all) == (True, False)
    assert Summary.of(rows[:1], {}).c2st_sd is None
    assert Summary.of(rows[:1], {}).beats_all is None


@pytest.mark.parametrize(
    ("accuracy", "told", "tone"),
    [(0.6, "all published", "good"), (0.65, "NPE", "good"), (0.8, "neither", "bad")],
)
def test_the_table_says_whom_it_beats(published, accuracy, told, tone):
    """NPE has .715 there, SNPE .615."""
    found = bench(published, accuracy - 0.01, accuracy + 0.01)
    [line] = [cells(summary) for summary in found.summaries]
    named = dict(zip(COLUMNS, line, strict=True))
    assert named["better than"] == told
    assert named["C2ST"] == f"{accuracy:.3f} ± 0.014"
    assert (named["NPE"], named["best published"]) == ("0.715", "0.615 (SNPE)")
    assert (named["fit"], named["NPE took"]) == ("3 s", "3 min 0 s")
    assert f'class="answer {tone}"' in render(found)


def test_markdown_has_a_line_for_each_budget_and_notes(made):
    text = made[0].to_markdown()
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert tuple(rows[0]) == COLUMNS
    assert {len(one) for one in rows} == {len(COLUMNS)}
    assert [one[:2] for one in rows[2:]] == [["two-moons", "60"], ["two-moons", "120"]]
    assert rows[3][4:7] == ["–", "–", "–"]
    assert "2 observations and 2 seeds" in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, None),
        ({"fast": True}, "not to be compared to the last digit"),
        ({"num_draws": 200}, "from 10,000 draws"),
    ],
)
def test_what_is_not_comparable_is_said(published, settings, words):
    found = bench(published, 0.6, 0.7, **settings)
    text = " ".join(notes(found.settings))
    page = render(found)
    assert found.to_dict()["is_comparable"] is (words is None)
    assert ("measured in another way" in page) is (words is not None)
    assert words is None or words in text
    assert words is not None or "not to be compared" not in text


def both(published):
    return pd.concat([published, published.assign(num_simulations=61)])


def test_a_failure_leaves_no_mean_and_is_shown_as_text(published):
    good = bench(published, 0.6).rows[0]
    failed = Row.of(next(SETTINGS.cases()), 2).failed_with("bad | luck\n<b>")
    found = Bench(SETTINGS, (good, failed), published)
    [summary] = found.summaries
    assert summary.errors == ("bad | luck\n<b>",)
    assert cells(summary)[2] == "failed"
    assert "- two-moons, 60: failed: bad | luck <b>" in markdown([summary], SETTINGS)
    page = render(found)
    assert "Nothing to compare with" in page
    other = replace(good, num_simulations=61)
    two = Bench(replace(SETTINGS, budgets=(60, 61)), (good, failed, other), both(published))
    assert "1 failed: see the table." in render(two)
    assert "<b>" not in page
    assert "bad | luck" in page


def test_files_hold_every_number(made, tmp_path):
    found, _ = made
    page = found.write(tmp_path)
    assert page == tmp_path / "index.html"
    table = pd.read_csv(tmp_path / "results.csv")
    frame = found.to_frame()
    assert list(table.columns) == list(frame.columns)
    for name in ("seed", "num_observation", "c2st", "mmd", "fit_seconds", "judging_seconds"):
        np.testing.assert_allclose(table[name], frame[name], rtol=1e-12)
    stored = json.loads((tmp_path / "results.json").read_text())
    assert stored == json.loads(json.dumps(found.to_dict()))
    assert len(stored["rows"]) == len(table) == 8
    assert [one["c2st_mean"] for one in stored["summaries"]] == [
        pytest.approx(frame[frame["num_simulations"] == num]["c2st"].mean()) for num in (60, 120)
    ]
    assert stored["dates"][0] <= stored["dates"][1]
    (tmp_path / "file").touch()
    with pytest.raises(OutputNotWritableError, match="is a file"):
        found.write(tmp_path / "file")


class Page(HTMLParser):
    """Collects what a page loads."""

    def __init__(self, text):
        super().__init__()
        self.sources, self.tags, self.alts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        values = dict(attrs)
        self.sources += [values[key] for key in ("src", "href") if key in values]
        self.alts += [values["alt"]] if tag == "img" else []


def test_the_page_needs_nothing_else_and_has_one_picture(made):
    found, _ = made
    text = render(found)
    page = Page(text)
    assert "script" not in page.tags
    assert all(source.startswith(("#", "data:image/")) for source in page.sources)
    [alt] = page.alts
    assert "two-moons with 60 simulations: " in alt
    assert "published NPE 0.715" in alt
    assert "retrodict bench x" in text
    assert "SMC-ABC" in text
    assert "better than every published method" in text
    assert render(replace(found, command="")).count("made from Python") == 1


def test_what_was_written_is_read_again(made, published, monkeypatch, tmp_path):
    found, folder = made[0], tmp_path / "folder"
    found.write(folder)
    monkeypatch.setattr(result, "sbibm_published", lambda: published)
    for path in (folder, shutil.copy(folder / "results.json", tmp_path / "mine.json")):
        again = Bench.read(path)
        assert again.settings == found.settings
        assert again.rows == found.rows
        assert again.to_dict() == found.to_dict()
        assert again.to_markdown() == found.to_markdown() == (folder / "table.md").read_text()


def test_no_results_are_told(tmp_path):
    with pytest.raises(BundleNotFoundError, match="no results of a benchmark"):
        Bench.read(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"rows": []}', None])
def test_damaged_results_are_told(text, made, tmp_path):
    if text is None:
        stored = made[0].to_dict()
        stored["rows"][0]["further"] = 1
        text = json.dumps(stored)
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(BundleCorruptedError, match=r"results\.json") as caught:
        Bench.read(tmp_path)
    assert "Resume" in caught.value.hint


def test_the_picture_is_that_of_the_page(published):
    figure = bench(published, 0.6, 0.7).picture()
    ax = figure.axes[0]
    ours = max(ax.lines, key=lambda line: line.get_linewidth())
    assert ours.get_xydata() == pytest.approx(np.array([[60, 0.65]]))
    nothing = bench(published.iloc[:0])
    assert nothing.picture() is None


def test_the_table_of_the_documentation_is_that_of_the_committed_results(data_folder, monkeypatch):
    monkeypatch.setenv("RETRODICT_DATA", str(data_folder))
    root = Path(__file__).parents[2]
    found = Bench.read(root / "benchmarks" / "results" / "bench-sbibm.json")
    table = [line for line in found.to_markdown().splitlines() if line.startswith("|")]
    assert "\n".join(table) in (root / "docs" / "benchmark.md").read_text(encoding="utf-8")
    # What the page says about it.
    assert not found.failed
    assert sum(summary.beats_amortised for summary in found.summaries) == 18
    assert sum(summary.beats_all for summary in found.summaries) == 12
