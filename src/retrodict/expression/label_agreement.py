"""Whether neighbours have the same label."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from retrodict.errors import DataError, ShapeError
from retrodict.tables import as_matrix


@dataclass(frozen=True)
class LabelAgreement:
    """How often the nearest training samples of a held-out one have its label.

    Attributes:
        label: its name.
        num_neighbours: that vote, each with one vote.
        accuracy: share of the held-out samples whose label has most votes.
        largest_share: of one label among the held-out samples: the accuracy of always saying it.
        per_class: accuracy and number of held-out samples of each label.
    """

    label: str
    num_neighbours: int
    accuracy: float
    largest_share: float
    per_class: pd.DataFrame

    def __str__(self) -> str:
        return (
            f"The {self.num_neighbours} nearest neighbours name the {self.label} of "
            f"{self.accuracy:.1%} of {int(self.per_class['samples'].sum()):,} held-out samples; "
            f"the most frequent one alone would be right for {self.largest_share:.1%}."
        )

    def to_dict(self) -> dict[str, Any]:
        """The numbers as plain values."""
        return {
            "label": self.label,
            "num_neighbours": self.num_neighbours,
            "accuracy": self.accuracy,
            "largest_share": self.largest_share,
        }


def label_agreement(
    train: Any, train_labels: pd.Series, test: Any, test_labels: pd.Series, num_neighbours: int = 5
) -> LabelAgreement:
    """Name the label of held-out samples by their nearest training samples (Euclidean distance).

    Args:
        train: numbers of the samples with known labels, one row each.
        train_labels: of these.
        test: numbers of the samples to be named.
        test_labels: of these, to compare with.
        num_neighbours: that vote.

    Raises:
        ShapeError: not one label per row, or fewer training samples than neighbours.
        DataError: NaN or text among the numbers, missing labels.
    """
    from sklearn.neighbors import KNeighborsClassifier

    known, asked = as_matrix(train, "train").values, as_matrix(test, "test").values
    if len(known) != len(train_labels) or len(asked) != len(test_labels):
        raise ShapeError(
            f"There are {len(known)} and {len(asked)} rows, but {len(train_labels)} and "
            f"{len(test_labels)} labels.",
            "Give one label per row.",
        )
    if len(known) < num_neighbours:
        raise ShapeError(
            f"There are {len(known)} training samples for {num_neighbours} neighbours.",
            "Ask for fewer neighbours.",
        )
    num_unknown = int(train_labels.isna().sum() + test_labels.isna().sum())
    if num_unknown:
        raise DataError(
            f"Every sample needs a label; {num_unknown:,} have none.",
            "Leave them out: `label.notna()` says which have one.",
        )
    classifier = KNeighborsClassifier(num_neighbours).fit(known, train_labels.astype(str))
    truth = test_labels.astype(str).to_numpy()
    is_right = classifier.predict(asked) == truth
    grouped = pd.DataFrame({"accuracy": is_right.astype(float), "label": truth}).groupby("label")
    per_class = grouped["accuracy"].agg(["mean", "size"]).set_axis(["accuracy", "samples"], axis=1)
    return LabelAgreement(
        label=str(test_labels.name),
        num_neighbours=num_neighbours,
        accuracy=float(is_right.mean()),
        largest_share=float(np.max(per_class["samples"]) / len(truth)),
        per_class=per_class.sort_values("samples", ascending=False),
    )
