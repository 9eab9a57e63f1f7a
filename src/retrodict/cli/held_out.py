"""Held-out pairs: kept beside the model, so that a check can be repeated later."""

import numpy as np

from retrodict.cli.run_folder import RunFolder
from retrodict.comparison.against_problem import HeldOut
from retrodict.errors import BundleCorruptedError
from retrodict.solvers import AbstractTrainedSolver
from retrodict.tables import read_table, write_table
from retrodict.variables import names_of


def write_held_out(folder: RunFolder, estimator: AbstractTrainedSolver, held_out: HeldOut) -> None:
    """Write the pairs as a table with the model's names."""
    import pandas as pd

    frame = pd.DataFrame(
        np.concatenate([held_out.x, held_out.y], axis=1), columns=_columns(estimator)
    )
    write_table(frame, folder.held_out, force=True)


def read_held_out(folder: RunFolder, estimator: AbstractTrainedSolver) -> HeldOut:
    """Read the pairs back.

    Raises:
        BundleCorruptedError: the table is not that of this model.
    """
    frame = read_table(folder.held_out)
    if list(frame.columns) != _columns(estimator):
        raise BundleCorruptedError(
            f"`{folder.held_out}` should have the columns {', '.join(_columns(estimator))}; "
            f"it has {', '.join(map(str, frame.columns))}.",
            "It was changed, or belongs to another run; repeat the run.",
        )
    values = frame.to_numpy(dtype=float)
    dim = len(estimator.parameters_)
    return HeldOut(x=values[:, :dim], y=values[:, dim:])


def _columns(estimator: AbstractTrainedSolver) -> list[str]:
    return names_of([*estimator.parameters_, *estimator.observables_])
