"""The table as Markdown, CSV and HTML, and the numbers of others beside it."""

import io
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from odd_solvers import Odd
from small_comparison import BUDGET

from retrodict.comparison import (
    PUBLISHED,
    Row,
    compare,
    get_method,
    published,
    usual_methods,
)
from retrodict.comparison.markdown import COLUMNS, cells, duration, markdown
from retrodict.errors import ConfigurationError
from retrodict.problems import PROBLEMS, get_problem
from retrodict.solvers.registry import SOLVERS


@pytest.fixture(scope="module")
def made(moons, tmp_path_factory):
    """A comparison of solvers that train nothing, and its folder."""
    folder = tmp_path_factory.mktemp("comparisons") / "moons"
    solvers = {
        "refusing": Odd(),
        "adjusted": get_method("abc"),
        "plain": get_method("abc:none"),
        "broken": Odd("breaks"),
    }
    return compare(moons, solvers, **BUDGET, folder=folder, command="retrodict compare x"), folder


GOOD = Row("mixture-density", mmd_mean=0.003, resimulation_mean=0.002, training_seconds=12.34)


def test_csv_holds_every_number(made, tmp_path):
    comparison, _ = made
    comparison.write(tmp_path)
    read = pd.read_csv(tmp_path / "table.csv")
    assert list(read["name"]) == [row.name for row in comparison.rows]
    for name in ("mmd_mean", "c2st_mean", "training_seconds", "num_parameters"):
        expected = [getattr(row, name) for row in comparison.rows]
        np.testing.assert_allclose(read[name], np.array(expected, float), rtol=1e-12)
    assert "ValueError: bad | luck" in str(read["error"].tolist())


def test_markdown_is_one_line_per_solver(made):
    text = made[0].to_markdown()
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert tuple(rows[0]) == COLUMNS
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert [row[0] for row in rows[2:]] == [row.name for row in made[0].rows]
    assert float(rows[2][1]) == pytest.approx(made[0].rows[0].mmd_mean, rel=0.01)
    assert "- `refusing` failed: This solver cannot do it. Take another." in text


def test_markdown_names_the_source_of_published_numbers():
    text = markdown("inverse-kinematics", [GOOD, Row("inn", error="no | luck\nat all")])
    assert "| .007 / .012 | yes |" in text
    assert "| .017 / .086 (recalled) | – |" in text
    assert "- `inn` failed: no | luck at all" in text
    assert "- `inn`: INN with L2 and MMD, Kruse et al. 2021, recalled" in text
    assert "published" in markdown("two-moons", [GOOD])
    assert "as reported by" not in markdown("two-moons", [GOOD])
    assert cells("two-moons", GOOD)[-2:] == ("–", "–")


@pytest.mark.parametrize(
    ("mmd", "resimulation", "met"),
    [(0.0074, 0.0124, True), (0.0076, 0.001, False), (0.001, 0.0126, False), (None, None, None)],
)
def test_published_numbers_are_met_by_both_or_not(mmd, resimulation, met):
    """To the digits that were published."""
    row = Row("mixture-density", mmd_mean=mmd, resimulation_mean=resimulation)
    assert published("inverse-kinematics", "mixture-density").is_met_by(row) is met
    assert published("two-moons", "mixture-density") is None


def test_what_was_not_reported_is_not_asked_for():
    row = Row("flow-matching", mmd_mean=0.001, resimulation_mean=9.0)
    assert published("inverse-kinematics", "flow-matching").is_met_by(row) is True


def test_times_are_readable():
    assert duration(None) == "–"
    assert duration(0.00123) == "1.2 ms"
    assert duration(0.4567) == "457 ms"
    assert duration(12.34) == "12.3 s"
    assert duration(125.2) == "2 min 5 s"


class Page(HTMLParser):
    """Collects what a page loads."""

    def __init__(self, text):
        super().__init__()
        self.sources, self.tags = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        values = dict(attrs)
        self.sources += [values[key] for key in ("src", "href") if key in values]


def test_the_page_needs_nothing_else_and_shows_every_solver(made, tmp_path):
    comparison, _ = made
    text = comparison.write(tmp_path).read_text()
    page = Page(text)
    assert "script" not in page.tags
    assert "<b>" not in text
    assert all(source.startswith(("#", "data:image/")) for source in page.sources)
    # The trade-off, and one picture for each of three observations.
    assert page.tags.count("img") == 4
    for row in comparison.rows:
        assert row.name in text
    assert "ValueError: bad | luck" in text
    assert "retrodict compare x" in text
    assert len(text) < 8e6


def test_a_comparison_without_any_number_has_a_page_too(made):
    from dataclasses import replace

    from retrodict.comparison.page import render

    nothing = replace(made[0], rows=made[0].failed, draws={}, command="")
    text = render(nothing)
    assert "No solver finished" in text
    assert "made from Python" in text


@pytest.mark.parametrize("problem", PROBLEMS)
def test_usual_rows_exist_and_can_run_on_the_problem(problem):
    names = usual_methods(get_problem(problem))
    assert len(names) == len(set(names)) > 5
    for name in names:
        assert get_method(name, max_epochs=2, no_such_setting=3).get_params()


def test_every_solver_is_among_the_usual_rows_where_there_is_a_likelihood():
    names = usual_methods(get_problem("linear-gaussian"))
    assert {name.partition(":")[0] for name in names} == set(SOLVERS)
    assert "mcmc" not in usual_methods(get_problem("inverse-kinematics"))


@pytest.mark.parametrize("name", PUBLISHED["inverse-kinematics"])
def test_published_rows_are_rows_of_ours(name):
    assert get_method(name) is not None


def test_limits_reach_the_solvers_that_have_them():
    assert get_method("conditional-flow:maf", max_epochs=7).max_epochs == 7
    assert "max_epochs" not in get_method("abc", max_epochs=7).get_params()
    assert get_method("conditional-flow:maf").flow == "maf"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("flow-machting", "flow-matching"),
        ("maf", "conditional-flow:maf"),
        ("conditional-flow:mfa", "maf"),
        ("mcmc:nuts", "'mcmc'"),
    ],
)
def test_unknown_rows_are_refused_with_the_nearest(name, hint):
    with pytest.raises(ConfigurationError) as caught:
        get_method(name)
    assert re.search(hint, str(caught.value))


def test_a_table_round_trips_through_csv(made):
    frame = made[0].table()
    read = pd.read_csv(io.StringIO(frame.to_csv(index=False)), keep_default_na=False)
    assert list(read.columns) == list(frame.columns)
    assert len(read) == len(frame)
