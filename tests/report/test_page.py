import base64
import dataclasses
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest

from retrodict.judgement import Trust
from retrodict.report import render
from retrodict.report.answer import answer_of

SECTIONS = [
    "problem",
    "training",
    "calibration",
    "recovery",
    "ambiguity",
    "sensitivity",
    "posteriors",
    "resimulation",
    "typical",
    "numbers",
    "solver",
    "repeat",
]


VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """A strict reader of HTML: every element is closed, in order; what the page holds is kept."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.texts = [], [], []
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        opened = self.open.pop()
        assert opened == tag, f"<{opened}> is closed by </{tag}>"

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def tells(page, sentence):
    """Whether the page has the sentence, wherever names in it are set as code."""
    return "".join(str(sentence).replace("`", "").split()) in "".join(page.text.split())


@pytest.fixture(scope="module")
def html(full):
    return render(full)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


@pytest.fixture(scope="module")
def bare_page(bare):
    return Page(render(bare))


def test_nothing_is_loaded_or_run(html, page):
    assert not page.all("script")
    assert not page.all("link")
    addresses = [
        attributes[key]
        for _, attributes in page.elements
        for key in ("src", "href", "srcset", "data", "action")
        if key in attributes
    ]
    assert addresses
    assert all(address.startswith(("data:image/", "#")) for address in addresses)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL).group(1)
    assert "url(" not in style
    assert "@import" not in style
    assert not [key for _, attributes in page.elements for key in attributes if key[:2] == "on"]


def test_every_link_leads_somewhere(page):
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert {attributes["href"] for attributes in page.all("a")} == {f"#{name}" for name in SECTIONS}
    assert set(SECTIONS) <= ids


def test_every_picture_is_embedded_whole_and_described(page):
    pictures = page.all("img")
    # Training, calibration, ranks, ECDF, z-scores, recovery, modes, sensitivity, two posteriors
    # and what they predict, re-simulation, and the oddest observation.
    assert len(pictures) == 14
    for picture in pictures:
        assert len(picture["alt"]) > 40
        kind, content = picture["src"].split(";base64,")
        content = base64.b64decode(content, validate=True)
        if kind == "data:image/svg+xml":
            assert ET.fromstring(content).tag.endswith("svg")  # noqa: S314
        else:
            assert kind == "data:image/png"
            assert content.startswith(b"\x89PNG")


def test_what_people_wrote_is_text_never_markup(html, page):
    assert "<script" not in html
    assert "<b>" not in html
    assert "<third>" not in html
    for written in (
        "A <b>bold</b> & 'quoted' title",
        "Find <script>alert(1)</script> from y.",
        "cause <i0> & co",
        "What it <means>",
        "own <number>",
        "2 cores <fast>",
        "A <distance>.",
        "note <1>",
        "400 pairs & tested",
        "The <weather> was",
        "retrodict run 'a < b' --seed 1",
        "retrodict report runs/x && echo done",
    ):
        assert written in page.text


def test_tables_have_captions_and_heads_with_scope(page):
    # Of the variables, of each picture but the two posteriors, of these, of the observations
    # against training, of numbers and of parameters.
    assert len(page.all("caption")) == len(page.all("table")) == 2 + 12 + 2 + 1 + 2
    assert len(page.all("details")) == len(page.all("summary")) == 12
    assert all(attributes.get("scope") in {"col", "row"} for attributes in page.all("th"))


def test_numbers_come_with_meaning_and_target(html, page):
    assert "mismatch 0.00432 at most 0.004 ✗ missed" in page.text
    assert "error 0.56 % at most 1 % ✓ met" in page.text.replace("\N{NO-BREAK SPACE}", " ")
    assert ">12\N{NARROW NO-BREAK SPACE}345<" in html


def test_the_answer_comes_first(page):
    assert page.text.index("Trust") < page.text.index("The problem")
    assert "80 observations show no error" in page.text


def test_the_marginal_table_holds_the_draws_numbers(full, page):
    draws = full.draws[1][:, 0]
    low, high = np.quantile(draws, [0.025, 0.975])
    row = re.search(
        r"Posterior of observation 1 from 120 draws .*? \[kg/m³\] (.*?) cause", page.text
    )
    numbers = [float(text.replace("\N{MINUS SIGN}", "-")) for text in row.group(1).split()]
    expected = [full.truth[1, 0], draws.mean(), draws.std(ddof=1), low, *numbers[4:7], high]
    np.testing.assert_allclose(numbers[:8], expected, atol=0.0006)
    assert numbers[4:7] == pytest.approx(list(np.quantile(draws, [0.16, 0.5, 0.84])), abs=0.0006)
    exact = full.exact[1][:, 0]
    assert numbers[8:] == pytest.approx([exact.mean(), exact.std(ddof=1)], abs=0.0006)


@pytest.mark.parametrize("scale", [0.5, 2.0], ids=["overconfident", "underconfident"])
def test_an_uncalibrated_posterior_is_called_so_first(scale, make_content):
    content = dataclasses.replace(
        make_content(1, scale),
        resimulated=None,
        exact=None,
        shown=(),
        shown_predictive=(),
        modes=None,
        sensitivity=None,
    )
    page = Page(render(content))
    assert content.verdict.trust is not Trust.YES
    assert page.text.index("What is wrong") < page.text.index("The problem")
    assert page.text.index("What is most likely to help") < page.text.index("The problem")
    for sentence in (*content.verdict.reasons, *content.verdict.remedies):
        assert tells(page, sentence)
    (answer,) = [a for a in page.all("section") if "answer" in a.get("class", "")]
    assert answer["class"].split() == ["answer", answer_of(content).tone]
    assert answer_of(content).tone in ("repair", "bad")


def test_each_answer_has_a_tone_of_its_own(full):
    def tone_of(trust):
        verdict = dataclasses.replace(full.verdict, trust=trust)
        return answer_of(dataclasses.replace(full, verdict=verdict)).tone

    assert [tone_of(trust) for trust in Trust] == ["good", "repair", "bad"]


def test_what_is_missing_is_said(bare_page):
    for sentence in (
        "Not tested",
        "No training history was recorded.",
        "Calibration was not tested.",
        "The number of modes was not looked at.",
        "The use of each observable was not looked at.",
        "No observation was chosen to be shown.",
        "Draws were not put through the forward process.",
        "Nothing was measured.",
        "No command was recorded.",
        "Observations were not compared with those of training.",
        "Nothing was recorded of how the result came about.",
    ):
        assert sentence in bare_page.text
    assert {a["id"] for a in bare_page.all("section") if "id" in a} == set(SECTIONS)
    assert len(bare_page.all("img")) == 1  # recovery needs draws and truth only


def test_without_exact_draws_none_are_claimed(full):
    page = Page(render(dataclasses.replace(full, exact=None, shown=(3,), shown_predictive=())))
    assert "exact posterior of this problem is not available" in page.text
    assert "exact mean" not in page.text


@pytest.mark.parametrize("dim", [1, 4])
def test_other_numbers_of_parameters_fit(dim, make_content):
    content = make_content(dim)
    shown = content.shown_predictive[:1]
    html = render(dataclasses.replace(content, shown=(0,), exact=None, shown_predictive=shown))
    Page(html)
    assert len(html.encode()) < 4_000_000


def test_the_same_content_gives_the_same_page(bare):
    assert render(bare) == render(bare)


def test_the_answer_counts_the_observations_that_were_tested_not_those_shown(full):
    fewer = dataclasses.replace(
        full,
        truth=full.truth[:5],
        draws=full.draws[:5],
        observations=full.observations[:5],
        resimulated=None,
    )
    assert "80 observations" in answer_of(fewer).sentence


def test_variables_come_with_prior_and_range(full):
    x = np.concatenate([full.truth, [[-7.25, 0.5], [8.75, 0.5]]])
    content = dataclasses.replace(full, tested_x=x, tested_y=full.observations[:41])
    page = Page(render(content))
    text = page.text.replace("\N{MINUS SIGN}", "-")
    assert "largest of 82 test values" in text
    row = re.search(r"cause <i0> & co kg/m³ What it <means> ≥ 0 (.*?) cause <i1>", text).group(1)
    median = float(np.median(x[:, 0]))
    assert row.startswith("normal, mean 0, sd 1 -7.25 ")
    assert row.endswith(" 8.75")
    assert float(row.split()[-2]) == pytest.approx(median, abs=0.006)
    assert "largest of 41 test values" in text


def test_without_meanings_there_is_no_column_for_them(full):
    plain = tuple(dataclasses.replace(each, description="") for each in full.parameters)
    page = Page(render(dataclasses.replace(full, parameters=plain)))
    causes = page.text[page.text.index("Hidden causes") : page.text.index("Observed effects")]
    assert "meaning" not in causes
    assert "prior" in causes


def test_sections_tell_what_the_diagnostics_found(full, page):
    for result in (full.z_scores, full.predictive, full.misspecification, *full.shown_predictive):
        assert tells(page, result)
