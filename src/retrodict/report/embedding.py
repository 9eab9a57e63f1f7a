"""What the report of an embedding is made of, and the page it becomes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from retrodict.expression import LabelAgreement, SourceMixing
from retrodict.report.answer import Answer
from retrodict.report.embedding_figures import embedding_figures
from retrodict.report.embedding_tables import (
    agreement_table,
    classes_table,
    influence_table,
    labels_table,
    mixing_table,
    oddest_table,
)
from retrodict.report.numbers import percent, significant
from retrodict.report.pictures import embed
from retrodict.report.render import environment
from retrodict.report.tables import Number
from retrodict.tables.atomic import atomic_file, refuse_existing
from retrodict.variational import FeatureInfluence, PCAComparison

if TYPE_CHECKING:
    from retrodict.report.tables import Table

# Bytes of all pictures together; the page stays below 8 MB.
_BUDGET = 5_500_000


@dataclass(frozen=True, eq=False)
class EmbeddingContent:
    """Everything that the report of an embedding tells.

    Args:
        title: of the page.
        description: what was embedded, a sentence or two.
        labels: of all samples, those that are shown.
        is_held_out: which samples training has not seen.
        positions: of the samples on the map.
        map_axes: what the two numbers of the map are.
        map_method: a sentence on how the map was made.
        history: of training.
        outcome: a sentence on how training ended.
        comparison: with PCA of the same size, on the held-out samples.
        observed, reconstructed: held-out samples, as the network sees them and gives them back.
        unit: of these.
        latent_variances: of the posterior mean of each latent number over held-out samples.
        is_active: which latent numbers tell anything.
        influence: of each latent number on each gene.
        agreements: of neighbours with each label, each in latent numbers and in principal
            components.
        mixing: of sources within tissues; None where there is nothing to compare.
        oddest: held-out samples that are least like training, with their labels and
            `log_density`.
        condition: label that the network was given; empty where there was none.
        facts: how the result came about.
        command: that repeats it; empty from Python.
    """

    title: str
    description: str
    labels: pd.DataFrame
    is_held_out: Bool[np.ndarray, " samples"]
    positions: Float[np.ndarray, "samples 2"]
    map_axes: tuple[str, str]
    map_method: str
    history: pd.DataFrame
    outcome: str
    comparison: PCAComparison
    observed: Float[np.ndarray, "held genes"]
    reconstructed: Float[np.ndarray, "held genes"]
    unit: str
    latent_variances: Float[np.ndarray, " latent"]
    is_active: Bool[np.ndarray, " latent"]
    influence: FeatureInfluence
    agreements: tuple[tuple[LabelAgreement, LabelAgreement], ...] = ()
    mixing: SourceMixing | None = None
    oddest: pd.DataFrame | None = None
    condition: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    command: str = ""


def render_embedding(content: EmbeddingContent) -> str:
    """The report as one HTML document that needs nothing else: no script, no network.

    Args:
        content: what to tell.

    Returns:
        HTML, below 8 MB.
    """
    figures = embedding_figures(content)
    pictures = dict(zip(figures, embed(list(figures.values()), _BUDGET), strict=True))
    agreements: list[tuple[str, Table | None]] = [
        (str(latent), classes_table(latent, pca)) for latent, pca in content.agreements
    ]
    return (
        environment()
        .get_template("embedding.html")
        .render(
            content=content,
            answer=_answer(content),
            tiles=_tiles(content),
            pictures=pictures,
            tables={"influence": influence_table(content.influence, content.unit)},
            samples=labels_table(content.labels),
            agreement=agreement_table(content.agreements),
            agreements=agreements,
            mixing=None if content.mixing is None else mixing_table(content.mixing),
            oddest=None if content.oddest is None else oddest_table(content.oddest),
            num_genes=len(content.influence.feature_names),
            num_latent=len(content.is_active),
            num_active=int(content.is_active.sum()),
            num_held_out=int(content.is_held_out.sum()),
        )
    )


def write_embedding(content: EmbeddingContent, path: str | Path, force: bool = False) -> Path:
    """Render the report and write it, whole or not at all.

    Args:
        content: what to tell.
        path: of the file, in a folder that exists.
        force: replace a file that is there already.

    Returns:
        The path.

    Raises:
        OutputExistsError: there is such a file and `force` is not set.
        OutputNotWritableError: a missing folder, missing rights, a full disk.
    """
    target = Path(path)
    refuse_existing(target, force)
    with atomic_file(target, force=force) as file:
        file.write(render_embedding(content).encode("utf-8"))
    return target


def _answer(content: EmbeddingContent) -> Answer:
    comparison = content.comparison
    num = f"{comparison.num_dimensions} numbers"
    if comparison.passed:
        word = f"{num} keep {percent(comparison.r_squared)} of the variance"
        return Answer(word, str(comparison), "good")
    word = "PCA does as well" if comparison.gain > -2 * comparison.standard_error else "Use PCA"
    return Answer(word, str(comparison), "repair" if word != "Use PCA" else "bad")


def _tiles(content: EmbeddingContent) -> list[Number]:
    """The numbers that open the page."""
    comparison = content.comparison
    active = f"{int(content.is_active.sum())} of {len(content.is_active)}"
    pca = significant(comparison.r_squared_of_pca, 3)
    tiles = [
        Number("held-out R²", significant(comparison.r_squared, 3), target=f"PCA: {pca}"),
        Number("active latent numbers", active, target="posterior means vary"),
    ]
    for latent, of_pca in content.agreements[:1]:
        label = f"neighbours of the same {latent.label}"
        beside = f"PCA: {percent(of_pca.accuracy, 3)}"
        tiles.append(Number(label, percent(latent.accuracy, 3), target=beside))
    if content.mixing is not None:
        means = list(content.mixing.means.values())
        beside = f"from genes: {means[0]:.2f}; mixed: 0.5"
        tiles.append(Number("source told within a tissue", f"{means[-1]:.2f}", target=beside))
    return tiles
