"""Samples to train on and to judge by, and the genes that the former choose."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jaxtyping import Bool

from retrodict.errors import TooFewRowsError
from retrodict.expression import LogTransform, VariableGenes

if TYPE_CHECKING:
    from retrodict.expression import ExpressionTable

_FEWEST_HELD_OUT = 10
_MAIN_LABEL = "tissue"
_MOST_CLASSES = 40


@dataclass(frozen=True, eq=False)
class PreparedSamples:
    """Logarithms of the chosen genes, and who is held out.

    Attributes:
        values: samples x genes.
        labels: of the samples.
        is_held_out: which samples nothing was learned from.
        main_label: by which the samples were split evenly; empty without labels.
        condition: label that the network is given; empty for none.
        unit: of the values.
    """

    values: pd.DataFrame
    labels: pd.DataFrame
    is_held_out: Bool[np.ndarray, " samples"]
    main_label: str
    condition: str
    unit: str

    @property
    def genes(self) -> list[str]:
        """Columns."""
        return [str(name) for name in self.values.columns]

    @property
    def train(self) -> pd.DataFrame:
        """Samples to learn from."""
        return self.values[~self.is_held_out]

    @property
    def test(self) -> pd.DataFrame:
        """Samples to judge by."""
        return self.values[self.is_held_out]

    def given(self, rows: Bool[np.ndarray, " samples"]) -> dict[str, Any]:
        """The condition of some samples, as an argument; nothing where there is none."""
        return {"condition": self.labels.loc[rows, [self.condition]]} if self.condition else {}

    @property
    def categories(self) -> list[str]:
        """Labels with few enough values to colour by, the main one first."""
        names = [
            str(name)
            for name in self.labels.columns
            if 1 < self.labels[name].nunique() <= _MOST_CLASSES
        ]
        return sorted(names, key=lambda name: name != self.main_label)


def prepare(
    table: "ExpressionTable",
    *,
    num_genes: int,
    held_out: float,
    condition: str | None,
    logged: bool,
    seed: int,
) -> PreparedSamples:
    """Split the samples, take logarithms, and choose genes by the training samples.

    Args:
        table: of expression.
        num_genes: to be kept.
        held_out: share of the samples, the same of every tissue (or first label) where possible.
        condition: label that the network is to be given.
        logged: whether the values are logarithms already.
        seed: of the split.

    Raises:
        TooFewRowsError: fewer than ten held-out samples.
        ColumnNotFoundError: no such label.
    """
    num = round(held_out * table.num_samples)
    if num < _FEWEST_HELD_OUT:
        raise TooFewRowsError(
            f"{num} of {table.num_samples} samples would be held out; at least "
            f"{_FEWEST_HELD_OUT} are needed to judge by.",
            "Raise `--held-out`, or bring more samples.",
        )
    if condition is not None:
        table.label(condition)
    main = _main_label(table.labels)
    is_held_out = _held_out(table.labels[main] if main else None, table.num_samples, num, seed)
    logs = table.values if logged else LogTransform().fit_transform(table.values)
    kept = VariableGenes(num_genes).fit(logs[~is_held_out]).get_support(indices=True)
    return PreparedSamples(
        values=logs.iloc[:, kept],
        labels=table.labels,
        is_held_out=is_held_out,
        main_label=main,
        condition=condition or "",
        unit="log2 as given" if logged else "log2(x + 1)",
    )


def _main_label(labels: pd.DataFrame) -> str:
    usable = [str(name) for name in labels.columns if 1 < labels[name].nunique() <= _MOST_CLASSES]
    if _MAIN_LABEL in usable:
        return _MAIN_LABEL
    return usable[0] if usable else ""


def _held_out(
    label: pd.Series | None, num_samples: int, num_held_out: int, seed: int
) -> Bool[np.ndarray, " samples"]:
    from sklearn.model_selection import train_test_split

    classes = None
    if label is not None:
        classes = label.astype(object).where(label.notna(), "unknown").astype(str).to_numpy()
    if classes is not None:
        _, counts = np.unique(classes, return_counts=True)
        # A class of one sample cannot be on both sides.
        if counts.min() < 2 or len(counts) > num_held_out:
            classes = None
    _, chosen = train_test_split(
        np.arange(num_samples), test_size=num_held_out, random_state=seed, stratify=classes
    )
    is_held_out = np.zeros(num_samples, dtype=bool)
    is_held_out[chosen] = True
    return is_held_out
