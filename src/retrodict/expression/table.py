"""Expression of many genes in many samples, with what is known of each sample."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from retrodict.errors import ColumnNotFoundError, DataError, ShapeError
from retrodict.expression.numbers import require_expression
from retrodict.tables.names import listed, nearest


@dataclass(frozen=True, eq=False)
class ExpressionTable:
    """Samples x genes, and labels of the samples.

    Args:
        values: one row per sample, named by the index; one column per gene, named by its symbol.
            Not negative, in the unit of the file, e.g. FPKM.
        labels: one row per sample, in the same order; any columns, such as tissue and source.
        num_genes_left_out: genes that some of the files lacked.

    Raises:
        ShapeError: no samples or no genes, or labels of other samples.
        DataError: samples or genes that occur twice.
        NonFiniteError, NotNumericError, OutOfBoundsError: NaN, text, negative values.
    """

    values: pd.DataFrame
    labels: pd.DataFrame
    num_genes_left_out: int = 0

    def __post_init__(self) -> None:
        if not self.values.shape[0] or not self.values.shape[1]:
            raise ShapeError(
                f"An expression table has samples and genes; got shape {self.values.shape}.",
                "Give one row per sample and one column per gene.",
            )
        for what, names in (("sample", self.values.index), ("gene", self.values.columns)):
            require_distinct(names, what, "An expression table")
        if not self.values.index.equals(self.labels.index):
            raise ShapeError(
                "The labels are of other samples than the values, or in another order.",
                "Give `labels.loc[values.index]`.",
            )
        require_expression(self.values, "the table")

    @property
    def num_samples(self) -> int:
        """Rows."""
        return len(self.values)

    @property
    def num_genes(self) -> int:
        """Columns."""
        return self.values.shape[1]

    def __str__(self) -> str:
        text = f"{self.num_samples:,} samples x {self.num_genes:,} genes"
        if self.num_genes_left_out:
            text += f" ({self.num_genes_left_out:,} genes that some files lack are left out)"
        known = [f"{self.labels[name].nunique()} of {name}" for name in self.labels.columns]
        return text + (f"; labels: {listed(known)}" if known else "; no labels")

    def with_labels(self, labels: pd.DataFrame) -> "ExpressionTable":
        """The same table with further labels, which replace those of the same name.

        Args:
            labels: indexed by the names of the samples, in any order; others are not looked at.

        Raises:
            DataError: a sample without labels, or with several.
        """
        require_distinct(labels.index, "sample", "A table of labels")
        missing = self.values.index.difference(labels.index, sort=False)
        if len(missing):
            raise DataError(
                f"{len(missing):,} of {self.num_samples:,} samples have no labels, the first are "
                f"{listed(list(missing), limit=3)}.",
                "The first column of the labels holds the names of the samples as the table has "
                f"them, e.g. {self.values.index[0]}.",
            )
        kept = self.labels.drop(columns=self.labels.columns.intersection(labels.columns))
        return replace(self, labels=kept.join(labels.loc[self.values.index]))

    def label(self, name: str) -> pd.Series:
        """One label of every sample.

        Raises:
            ColumnNotFoundError: there is no such label.
        """
        if name not in self.labels.columns:
            known = [str(column) for column in self.labels.columns]
            close = nearest(name, known)
            raise ColumnNotFoundError(
                f"The samples have no label `{name}`; they have {listed(known) or 'none'}.",
                f"Did you mean {close}?" if close else "Name one of these.",
            )
        return self.labels[name]

    def select_samples(self, rows: np.ndarray) -> "ExpressionTable":
        """Some of the samples, by their places."""
        return replace(self, values=self.values.iloc[rows], labels=self.labels.iloc[rows])


def require_distinct(names: pd.Index, what: str, whose: str) -> None:
    """Raises a `DataError` for names that occur twice, with their number and the first of them."""
    twice = names[names.duplicated()].unique()
    if len(twice):
        raise DataError(
            f"{whose} names each {what} once; {len(twice):,} {what}s occur more than once, the "
            f"first are {listed(list(twice), limit=5)}.",
            'Merge genes with duplicates="sum"; rename samples.'
            if what == "gene"
            else "Rename them.",
        )
