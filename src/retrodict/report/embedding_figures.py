"""The pictures of an embedding's report, and each in words for those who cannot see it."""

from typing import TYPE_CHECKING

import numpy as np

from retrodict import plots
from retrodict.report.numbers import significant

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from retrodict.report.embedding import EmbeddingContent


def embedding_figures(content: "EmbeddingContent") -> "dict[str, tuple[Figure, str]]":
    """The figures, each with its alternative text, by their place."""
    figures: dict[str, tuple[Figure, str]] = {}
    for name in content.labels.columns:
        column = content.labels[name]
        figures[f"map-{name}"] = (
            plots.latent_map(content.positions, column, axes=content.map_axes),
            f"Map of {len(column):,} samples coloured by {name}: {_counted(column)}. "
            f"{content.map_method}",
        )
    comparison = content.comparison
    figures["reconstruction"] = (
        plots.reconstruction(
            content.observed,
            content.reconstructed,
            {"network": comparison.per_feature, "PCA": comparison.per_feature_of_pca},
            unit=content.unit,
        ),
        "Held-out expression against its reconstruction, and the distribution of R^2 over genes, "
        f"by the network and by PCA. {comparison}",
    )
    variances = ", ".join(significant(float(v), 2) for v in content.latent_variances)
    figures["use"] = (
        plots.latent_use(content.latent_variances),
        f"Variance of the posterior mean of each latent number over held-out samples: {variances}.",
    )
    figures["influence"] = (
        plots.feature_influence(content.influence, unit=content.unit, feature="gene"),
        f"The genes that each latent number changes most, as bars. {content.influence}",
    )
    validation = content.history["validation_loss"].to_numpy(dtype=float)
    figures["training"] = (
        plots.training_curve(content.history),
        f"Training and validation loss over {len(validation)} epochs, lowest "
        f"{significant(float(np.nanmin(validation)), 4)}.",
    )
    return figures


def _counted(column: object) -> str:
    import pandas as pd

    counts = pd.Series(column, dtype=object).astype(str).value_counts()
    shown = ", ".join(f"{name} ({number})" for name, number in counts.head(8).items())
    return shown + (f" and {len(counts) - 8} more" if len(counts) > 8 else "")
