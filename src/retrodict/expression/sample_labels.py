"""What is known of samples, from a file of its own."""

from pathlib import Path

import pandas as pd

from retrodict.errors import ShapeError
from retrodict.expression.table import require_distinct
from retrodict.tables import read_table


def read_labels(path: str | Path) -> pd.DataFrame:
    """Labels of samples: the first column names the samples, the others are labels.

    Args:
        path: of a table as `read_table` reads it.

    Returns:
        One row per sample, indexed by its name.

    Raises:
        ShapeError: no column besides the names.
        DataError: a sample that occurs twice, or a file that is no table.
    """
    frame = read_table(path)
    if frame.shape[1] < 2:
        raise ShapeError(
            f"A table of labels has the names of the samples and at least one label; `{path}` "
            f"has the column {frame.columns[0]} only.",
            "Add a column.",
        )
    index = pd.Index(frame.iloc[:, 0].astype(str), name=None)
    require_distinct(index, "sample", f"`{path}`")
    return frame.iloc[:, 1:].set_axis(index, axis="index")
