"""The tables of an embedding's report: rows of text, ready for the page."""

from collections.abc import Sequence

import pandas as pd

from retrodict.expression import LabelAgreement, SourceMixing
from retrodict.report.numbers import percent, significant
from retrodict.report.tables import Table
from retrodict.variational import FeatureInfluence

_MOST_ROWS = 30
_NUM_INFLUENTIAL = 10


def labels_table(labels: pd.DataFrame) -> Table | None:
    """How many samples of each combination of labels; None without labels."""
    if not len(labels.columns):
        return None
    names = [str(name) for name in labels.columns]
    known = labels.astype(object).where(labels.notna(), "unknown").astype(str)
    counts = known.groupby(names).size().reset_index(name="samples")
    if len(counts) > _MOST_ROWS:
        counts = counts.sort_values("samples", ascending=False, kind="stable").head(_MOST_ROWS)
    rows = tuple((*row[:-1], f"{row[-1]:,}") for row in counts.itertuples(index=False, name=None))
    caption = "Samples" + (f", the {_MOST_ROWS} largest groups" if len(rows) == _MOST_ROWS else "")
    return Table(caption, (*names, "samples"), rows, num_text_columns=len(names))


def agreement_table(agreements: Sequence[tuple[LabelAgreement, LabelAgreement]]) -> Table | None:
    """The share of held-out samples whose label neighbours name; None without labels."""
    if not agreements:
        return None
    rows = tuple(
        (
            latent.label,
            percent(latent.accuracy, 3),
            percent(pca.accuracy, 3),
            percent(latent.largest_share, 3),
        )
        for latent, pca in agreements
    )
    num = agreements[0][0].num_neighbours
    return Table(
        f"Held-out samples whose label their {num} nearest training samples name",
        ("label", "latent numbers", "PCA", "always the most frequent"),
        rows,
    )


def classes_table(latent: LabelAgreement, pca: LabelAgreement) -> Table:
    """The same, for each value of one label."""
    classes = latent.per_class.head(_MOST_ROWS)
    rows = tuple(
        (str(name), f"{num:,}", percent(share), percent(share_of_pca))
        for name, num, share, share_of_pca in zip(
            classes.index,
            classes["samples"].tolist(),
            classes["accuracy"].tolist(),
            pca.per_class["accuracy"].reindex(classes.index).tolist(),
            strict=True,
        )
    )
    return Table(f"Each {latent.label}", (latent.label, "held out", "latent numbers", "PCA"), rows)


def mixing_table(mixing: SourceMixing) -> Table:
    """Area under the ROC curve of the source, tissue by tissue."""
    first, second = mixing.sources
    rows = tuple(
        (str(tissue), *(f"{area:.2f}" for area in row))
        for tissue, row in zip(mixing.areas.index, mixing.areas.to_numpy(), strict=True)
    )
    return Table(
        f"Area under the ROC curve of {first} against {second} by a random forest",
        ("tissue", *(f"from {name}" for name in mixing.areas.columns)),
        rows,
    )


def oddest_table(oddest: pd.DataFrame) -> Table:
    """Held-out samples of the lowest density."""
    names = [str(name) for name in oddest.columns if name != "log_density"]
    rows = tuple(
        (str(sample), *(str(row[name]) for name in names), significant(row["log_density"], 4))
        for sample, row in oddest.iterrows()
    )
    return Table(
        "Held-out samples least like training",
        ("sample", *names, "log p(x) [nats]"),
        rows,
        num_text_columns=1 + len(names),
    )


def influence_table(influence: FeatureInfluence, unit: str) -> Table:
    """The strongest influences of every latent number."""
    frame = influence.to_dataframe(_NUM_INFLUENTIAL)
    rows = tuple(
        (
            str(latent),
            str(gene),
            ("+" if change > 0 else "") + significant(change, 2),
            percent(share),
        )
        for latent, gene, change, share in zip(
            frame["latent"].tolist(),
            frame["feature"].tolist(),
            frame["influence"].tolist(),
            frame["same_sign"].tolist(),
            strict=True,
        )
    )
    return Table(
        f"The {_NUM_INFLUENTIAL} most influenced genes of each latent number",
        ("latent number", "gene", f"change per sd [{unit}]", "samples of that sign"),
        rows,
        num_text_columns=2,
    )
