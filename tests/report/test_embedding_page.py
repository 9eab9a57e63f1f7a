"""The report of an embedding: one strict page with everything in it."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest
from test_page import Page, tells

from retrodict.errors import OutputExistsError
from retrodict.expression import SourceMixing, label_agreement
from retrodict.report import EmbeddingContent, render_embedding, write_embedding
from retrodict.variational import FeatureInfluence, PCAComparison

SECTIONS = [
    "map",
    "neighbours",
    "sources",
    "reconstruction",
    "latent",
    "genes",
    "odd",
    "samples",
    "training",
    "settings",
    "repeat",
]
GENES = tuple(f"GENE<{i}>" for i in range(20))


def comparison(r_squared, r_squared_of_pca):
    rng = np.random.default_rng(4)
    return PCAComparison(
        3, 12, r_squared, r_squared_of_pca, 0.01, rng.uniform(size=20), rng.uniform(size=20)
    )


@pytest.fixture(scope="module")
def content():
    rng = np.random.default_rng(4)
    labels = pd.DataFrame(
        {"tissue": ["liver", "skin & hair"] * 30, "source": ["GTEx"] * 20 + ["TCGA"] * 40},
        index=[f"sample {i}" for i in range(60)],
    )
    z = rng.normal(size=(60, 3)) + 5 * (labels["tissue"] == "liver").to_numpy()[:, None]
    is_held_out = np.arange(60) % 5 == 0
    train, test = np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)
    agreements = tuple(
        (label_agreement(z[train], known.iloc[train], z[test], known.iloc[test]),) * 2
        for known in (labels["tissue"], labels["source"])
    )
    observed = rng.gamma(3, 2, (12, 20))
    return EmbeddingContent(
        title="Samples of <cells>",
        description="60 samples x 20 genes.",
        labels=labels,
        is_held_out=is_held_out,
        positions=z[:, :2],
        map_axes=("one", "two"),
        map_method="The first two latent numbers.",
        history=pd.DataFrame(
            {"epoch": [0, 1, 2], "training_loss": [None, 2, 1], "validation_loss": [3, 2, 1.5]}
        ),
        outcome="Training stopped.",
        comparison=comparison(0.8, 0.7),
        observed=observed,
        reconstructed=observed + rng.normal(size=observed.shape),
        unit="log2(x + 1)",
        latent_variances=np.array([1.2, 0.8, 0.001]),
        is_active=np.array([True, True, False]),
        influence=FeatureInfluence(rng.normal(size=(3, 20)), np.ones((3, 20)), GENES),
        agreements=agreements,
        mixing=SourceMixing(
            pd.DataFrame(
                {"genes": [0.996, 0.91], "PCA": [0.8, 0.7], "latent numbers": [0.61, 0.52]},
                index=["liver", "skin & hair"],
            ),
            ("TCGA", "GTEx"),
        ),
        oddest=labels[is_held_out].assign(log_density=np.linspace(-99, -9, 12)).head(4),
        facts={"seed": "0"},
        command="retrodict embed cells.csv",
    )


@pytest.fixture(scope="module")
def html(content):
    return render_embedding(content)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_it_is_one_strict_page_without_script_or_network(html, page):
    assert [each["id"] for each in page.all("section") if "id" in each] == SECTIONS
    links = [each["href"].removeprefix("#") for each in page.all("a")]
    assert links == SECTIONS
    assert not page.all("script")
    assert not page.all("link")
    assert all(each["src"].startswith("data:image/") for each in page.all("img"))
    assert re.findall(r'(?:href|src)="(?!#|data:)', html) == []
    assert len(html) < 8_000_000


def test_every_picture_is_there_in_words_too(page, content):
    pictures = page.all("img")
    assert len(pictures) == 6
    alts = [each["alt"] for each in pictures]
    assert all(len(alt) > 40 for alt in alts)
    assert "coloured by tissue: liver (30), skin & hair (30)" in alts[0]
    assert "coloured by source: TCGA (40), GTEx (20)" in alts[1]
    assert str(content.comparison) in alts[2]
    assert "1.2, 0.80, 0.0010" in alts[3]


def test_all_results_are_told(page, content):
    for result in (content.comparison, content.mixing, content.influence, content.outcome):
        assert tells(page, str(result).replace("<", "<"))
    for latent, _ in content.agreements:
        assert tells(page, latent)
    assert "Samples of <cells>" in page.text
    assert "2 of 3 latent numbers are active" in page.text
    assert "60 samples, of which 12 were held out" in page.text
    assert "sample 0" in page.text
    assert "GENE<" in page.text
    assert "retrodict embed cells.csv" in page.text
    assert "1.00" in page.text  # 0.996 to two digits


@pytest.mark.parametrize(
    ("ours", "theirs", "word", "tone"),
    [
        (0.8, 0.7, "3 numbers keep 80 % of the variance", "good"),
        (0.705, 0.7, "PCA does as well", "repair"),
        (0.6, 0.7, "Use PCA", "bad"),
    ],
)
def test_it_opens_with_the_answer(content, ours, theirs, word, tone):
    page = Page(render_embedding(dataclasses.replace(content, comparison=comparison(ours, theirs))))
    assert word in page.text.replace("\N{NO-BREAK SPACE}", " ")
    assert page.all("section")[0]["class"] == f"answer {tone}"


def test_what_is_missing_is_said(content):
    bare = dataclasses.replace(
        content,
        labels=content.labels[[]],
        agreements=(),
        mixing=None,
        oddest=None,
        command="",
        condition="batch",
    )
    page = Page(render_embedding(bare))
    for said in (
        "nothing to colour by",
        "no label to compare neighbours by",
        "no tissue with at least ten samples",
        "Densities were not computed",
        "made from Python",
        "except for batch",
    ):
        assert said in page.text
    assert len(page.all("img")) == 4


def test_it_is_written_whole_or_not_at_all(content, tmp_path):
    path = write_embedding(content, tmp_path / "report.html")
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    with pytest.raises(OutputExistsError):
        write_embedding(content, path)
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
