"""What an embedding is worth: all numbers of its report, from the held-out samples."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from retrodict.cli.split_samples import PreparedSamples
from retrodict.errors import TooFewRowsError
from retrodict.expression import LabelAgreement, SourceMixing, label_agreement, source_mixing
from retrodict.variational import (
    FeatureInfluence,
    PCAComparison,
    VariationalAutoencoder,
    compare_with_pca,
    feature_influence,
)

if TYPE_CHECKING:
    from retrodict.report import EmbeddingContent

_MOST_SHOWN = 4
_NUM_NEIGHBOURS = 5
_NUM_ODD = 8
_MOST_FOR_TSNE = 5000
_NUM_DRAWS = 50
_NUM_TREES = 300


@dataclass(frozen=True, eq=False)
class JudgedEmbedding:
    """A trained network and what was found out about it.

    Attributes:
        estimator: fitted to the training samples.
        prepared: the samples.
        z: latent numbers of all samples.
        log_density: of all samples.
        comparison: with PCA.
        influence: of latent numbers on genes.
        agreements: of neighbours with labels, in latent numbers and in principal components.
        mixing: of sources within tissues, where there are any.
        positions, map_axes, map_method: of the map.
    """

    estimator: VariationalAutoencoder
    prepared: PreparedSamples
    z: Float[np.ndarray, "samples latent"]
    log_density: Float[np.ndarray, " samples"]
    comparison: PCAComparison
    influence: FeatureInfluence
    agreements: tuple[tuple[LabelAgreement, LabelAgreement], ...]
    mixing: SourceMixing | None
    positions: Float[np.ndarray, "samples 2"]
    map_axes: tuple[str, str]
    map_method: str

    @property
    def latents(self) -> pd.DataFrame:
        """Every sample with its labels, latent numbers and place on the map."""
        named = {f"z{j + 1}": self.z[:, j] for j in range(self.z.shape[1])}
        samples = self.prepared.values.index
        known = self.prepared.labels.reset_index(drop=True)
        clash = {"sample", "held_out", "log_density", "map_x", "map_y", *named}
        known = known.rename(columns={name: f"label_{name}" for name in known if name in clash})
        return pd.concat(
            [
                pd.DataFrame({"sample": samples.astype(str)}),
                known,
                pd.DataFrame({"held_out": self.prepared.is_held_out, **named}),
                pd.DataFrame({"log_density": self.log_density}),
                pd.DataFrame(self.positions, columns=["map_x", "map_y"]),
            ],
            axis=1,
        )

    @property
    def sentences(self) -> list[str]:
        """What a person wants to know first."""
        found: list[object] = [self.comparison, *(latent for latent, _ in self.agreements)]
        return [str(one) for one in (*found, self.mixing) if one is not None]

    def metrics(self) -> dict[str, Any]:
        """All numbers, for machines."""
        history = self.estimator.history_
        return {
            "num_samples": len(self.z),
            "num_held_out": int(self.prepared.is_held_out.sum()),
            "num_genes": len(self.prepared.genes),
            "latent_dim": self.z.shape[1],
            "active_units": int(self.estimator.active_units_.sum()),
            "comparison_with_pca": self.comparison.to_dict(),
            "agreement": {
                latent.label: {"latent": latent.to_dict(), "pca": pca.to_dict()}
                for latent, pca in self.agreements
            },
            "source_mixing": None if self.mixing is None else self.mixing.to_dict(),
            "training": {
                "outcome": self.estimator.outcome_.value,
                "num_epochs": int(history["epoch"].iloc[-1]),
                "validation_loss": float(history["validation_loss"].min()),
                "seconds": float(history["seconds"].iloc[-1]),
            },
        }

    def content(
        self, title: str, description: str, facts: dict[str, str], command: str
    ) -> "EmbeddingContent":
        """The same for the page."""
        from retrodict.report import EmbeddingContent

        prepared, held_out = self.prepared, self.prepared.is_held_out
        back = self.estimator.inverse_transform(self.z[held_out], **prepared.given(held_out))
        shown = prepared.labels[prepared.categories[:_MOST_SHOWN]]
        odd = shown[held_out].assign(log_density=self.log_density[held_out])
        return EmbeddingContent(
            title=title,
            description=f"{description[:1].upper()}{description[1:]}.",
            labels=shown,
            is_held_out=held_out,
            positions=self.positions,
            map_axes=self.map_axes,
            map_method=self.map_method,
            history=self.estimator.history_,
            outcome=self.estimator.outcome_.sentence,
            comparison=self.comparison,
            observed=prepared.test.to_numpy(dtype=float),
            reconstructed=np.asarray(back, float),
            unit=prepared.unit,
            latent_variances=self.z[held_out].var(axis=0),
            is_active=self.estimator.active_units_,
            influence=self.influence,
            agreements=self.agreements,
            mixing=self.mixing,
            oddest=odd.sort_values("log_density").head(_NUM_ODD),
            condition=prepared.condition,
            facts=facts,
            command=command,
        )


def judge(
    estimator: VariationalAutoencoder, prepared: PreparedSamples, *, seed: int
) -> JudgedEmbedding:
    """Ask everything that the report answers.

    Args:
        estimator: fitted to the training samples.
        prepared: all samples.
        seed: of PCA, the map and the forests.
    """
    from sklearn.decomposition import PCA

    held_out = prepared.is_held_out
    everyone = np.ones_like(held_out)
    z = np.asarray(estimator.transform(prepared.values, **prepared.given(everyone)), float)
    log_density = estimator.score_samples(
        prepared.values, num_samples=_NUM_DRAWS, **prepared.given(everyone)
    )
    mean, sd = prepared.train.mean(), prepared.train.std(ddof=0)
    standardised = ((prepared.values - mean) / sd.where(sd > 0, 1.0)).to_numpy()
    pca = PCA(z.shape[1], random_state=seed).fit(standardised[~held_out])
    components = pca.transform(standardised)
    positions, axes, method = _map(z, np.asarray(log_density), seed)
    return JudgedEmbedding(
        estimator=estimator,
        prepared=prepared,
        z=z,
        log_density=np.asarray(log_density),
        comparison=compare_with_pca(
            estimator,
            prepared.train,
            prepared.test,
            random_state=seed,
            **prepared.given(held_out),
        ),
        influence=feature_influence(estimator, prepared.train, **prepared.given(~held_out)),
        agreements=_agreements(prepared, z, components),
        mixing=_mixing(prepared, standardised, components, z, seed),
        positions=positions,
        map_axes=axes,
        map_method=method,
    )


def _agreements(
    prepared: PreparedSamples,
    z: Float[np.ndarray, "samples latent"],
    components: Float[np.ndarray, "samples latent"],
) -> tuple[tuple[LabelAgreement, LabelAgreement], ...]:
    found = []
    for name in prepared.categories[:_MOST_SHOWN]:
        label = prepared.labels[name]
        # Samples of unknown label neither vote nor count.
        is_known = label.notna().to_numpy()
        train, test = is_known & ~prepared.is_held_out, is_known & prepared.is_held_out
        if train.sum() < _NUM_NEIGHBOURS or not test.any():
            continue
        latent, pca = (
            label_agreement(
                numbers[train], label[train], numbers[test], label[test], _NUM_NEIGHBOURS
            )
            for numbers in (z, components)
        )
        found.append((latent, pca))
    return tuple(found)


def _mixing(
    prepared: PreparedSamples,
    genes: Float[np.ndarray, "samples genes"],
    components: Float[np.ndarray, "samples latent"],
    z: Float[np.ndarray, "samples latent"],
    seed: int,
) -> SourceMixing | None:
    """Among normal samples where the condition is known: tumours come from one source only."""
    labels = prepared.labels
    if not {"tissue", "source"} <= set(labels.columns):
        return None
    used = labels[["tissue", "source"]].notna().all(axis=1).to_numpy()
    if "condition" in labels.columns:
        used = used & (labels["condition"] == "normal").to_numpy()
    try:
        return source_mixing(
            {"genes": genes[used], "PCA": components[used], "latent numbers": z[used]},
            labels.loc[used, "source"],
            labels.loc[used, "tissue"],
            num_trees=_NUM_TREES,
            random_state=seed,
        )
    except TooFewRowsError:
        # No tissue comes from two sources; the report says so.
        return None


def _map(
    z: Float[np.ndarray, "samples latent"], log_density: Float[np.ndarray, " samples"], seed: int
) -> tuple[Float[np.ndarray, "samples 2"], tuple[str, str], str]:
    """Places in a plane, what its axes are, and how it was made."""
    num, dim = z.shape
    if dim == 1:
        places = np.column_stack([z[:, 0], log_density])
        return places, ("latent number 1", "log p(x) [nats]"), (
            "The latent number of each sample, and its density under the network."
        )  # fmt: skip
    if dim == 2:
        return z, ("latent number 1", "latent number 2"), "The two latent numbers of each sample."
    if num > _MOST_FOR_TSNE:
        from sklearn.decomposition import PCA

        places = PCA(2, random_state=seed).fit_transform(z).astype(float)
        return places, ("first principal axis", "second principal axis"), (
            f"The two principal axes of the {dim} latent numbers."
        )  # fmt: skip
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (num - 1) / 3)
    places = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(z)
    return places.astype(float), ("t-SNE axis 1", "t-SNE axis 2"), (
        f"A t-SNE map of the {dim} latent numbers (van der Maaten and Hinton 2008, perplexity "
        f"{perplexity:.0f}): near samples are alike, far distances and sizes mean nothing."
    )  # fmt: skip
