"""Gene symbols that occur more than once: refused, or merged as asked."""

import pandas as pd

from retrodict.errors import ConfigurationError, DataError
from retrodict.tables.names import listed

DUPLICATES = ("refuse", "sum", "mean", "first")


def require_known(duplicates: str) -> None:
    """Raises a `ConfigurationError` for what is none of `DUPLICATES`."""
    if duplicates not in DUPLICATES:
        raise ConfigurationError(
            f"Duplicated genes are treated by one of {', '.join(DUPLICATES)}; got {duplicates!r}.",
            'Use "sum": the expression of all transcripts of a gene together.',
        )


def merged(values: pd.DataFrame, duplicates: str, where: str) -> pd.DataFrame:
    """Every gene once, in the order of the first occurrences.

    Args:
        values: samples x genes.
        duplicates: "refuse"; or what stands for genes of the same symbol: their "sum", their
            "mean", or the "first" of them.
        where: they come from, for messages.

    Raises:
        DataError: duplicated symbols that are to be refused, with their number and first names.
    """
    is_repeated = values.columns.duplicated()
    if not is_repeated.any():
        return values
    twice = values.columns[is_repeated].unique()
    if duplicates == "refuse":
        raise DataError(
            f"Each gene has one symbol; in {where} {len(twice):,} symbols occur more than once, "
            f"the first are {listed(list(twice), limit=5)}.",
            'Merge them with duplicates="sum" (`--duplicates sum`), "mean" or "first".',
        )
    if duplicates == "first":
        return values.loc[:, ~is_repeated]
    grouped = values.T.groupby(level=0, sort=False)
    return (grouped.sum() if duplicates == "sum" else grouped.mean()).T
