"""Whether samples of one tissue that come from different sources can be told apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from retrodict.errors import ShapeError, TooFewRowsError
from retrodict.tables import as_matrix

_FEWEST_OF_A_SOURCE = 10
_FOLDS = 5


@dataclass(frozen=True)
class SourceMixing:
    """How well a classifier tells the source of a sample from its numbers, tissue by tissue.

    Attributes:
        areas: under the ROC curve, one row per tissue and one column per kind of numbers, each
            the mean over repeated cross-validations; .5 where sources are mixed, 1 where they
            are apart.
        sources: of which the first is told from the second.
    """

    areas: pd.DataFrame
    sources: tuple[str, str]

    @property
    def means(self) -> dict[str, float]:
        """Over tissues, of each kind of numbers."""
        return {str(name): float(self.areas[name].mean()) for name in self.areas.columns}

    def __str__(self) -> str:
        listed = ", ".join(f"{area:.2f} from {name}" for name, area in self.means.items())
        return (
            f"Within a tissue, {self.sources[0]} is told from {self.sources[1]} with a mean area "
            f"under the ROC curve of {listed} (0.5: mixed, 1: apart; {len(self.areas)} "
            f"tissue{'s' if len(self.areas) > 1 else ''})."
        )

    def to_dict(self) -> dict[str, Any]:
        """The areas as plain values."""
        return {
            "sources": list(self.sources),
            "areas": {
                str(tissue): {str(name): float(area) for name, area in row.items()}
                for tissue, row in self.areas.iterrows()
            },
            "means": self.means,
        }


def source_mixing(
    numbers: Mapping[str, Any],
    source: pd.Series,
    tissue: pd.Series,
    *,
    num_trees: int = 300,
    num_repeats: int = 1,
    random_state: int = 0,
) -> SourceMixing:
    """Train a random forest to tell sources apart within each tissue, by cross-validation.

    A forest, because data that were corrected for batches column by column have no linear
    difference left, and yet can often be told apart.

    Args:
        numbers: kinds of numbers to tell by, e.g. genes and latent numbers: one row per sample.
        source: of each sample; of more than two the two most frequent are compared.
        tissue: of each sample. Those with fewer than ten samples of either source are left out.
        num_trees: in the forest.
        num_repeats: of the cross-validation, with other folds.
        random_state: seed.

    Raises:
        ShapeError: not one row per sample.
        TooFewRowsError: no tissue has ten samples of both sources.
        DataError: NaN or text.
    """
    values = {name: as_matrix(table, name).values for name, table in numbers.items()}
    for name, table in values.items():
        if not len(table) == len(source) == len(tissue):
            raise ShapeError(
                f"`{name}` has {len(table)} rows for {len(source)} sources and {len(tissue)} "
                "tissues.",
                "Give one row per sample.",
            )
    frequent = source.value_counts()
    found = [str(name) for name in frequent.index[:2]]
    is_first = (source.astype(str) == found[0]).to_numpy()
    is_used = source.notna().to_numpy() & source.astype(str).isin(found).to_numpy()
    kept = [
        name
        for name in sorted(tissue[is_used].dropna().unique())
        if len(found) == 2
        and _fewest(is_first[is_used & (tissue == name).to_numpy()]) >= _FEWEST_OF_A_SOURCE
    ]
    if not kept:
        raise TooFewRowsError(
            f"No tissue has {_FEWEST_OF_A_SOURCE} samples of two sources.",
            "Sources can be compared where they have a tissue in common.",
        )
    areas = {
        name: [
            _area(
                table[is_used & (tissue == one).to_numpy()],
                is_first[is_used & (tissue == one).to_numpy()],
                num_trees,
                num_repeats,
                random_state,
            )
            for one in kept
        ]
        for name, table in values.items()
    }
    index = pd.Index(kept, name="tissue")
    return SourceMixing(pd.DataFrame(areas, index=index), (found[0], found[1]))


def _fewest(is_first: np.ndarray) -> int:
    return int(min(is_first.sum(), (~is_first).sum()))


def _area(
    values: Float[np.ndarray, "rows columns"],
    is_first: np.ndarray,
    num_trees: int,
    num_repeats: int,
    random_state: int,
) -> float:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score

    forest = RandomForestClassifier(
        num_trees,
        min_samples_leaf=2,
        class_weight="balanced_subsample",
        random_state=random_state,
    )
    folds = RepeatedStratifiedKFold(
        n_splits=_FOLDS, n_repeats=num_repeats, random_state=random_state
    )
    return float(cross_val_score(forest, values, is_first, cv=folds, scoring="roc_auc").mean())
