"""Reference posteriors of sbibm (Lueckmann et al. 2021, arXiv:2101.04653).

Ten observations per task with 10,000 draws each from the posterior, made with the likelihood of
the task: analytically, by rejection or by Markov chains.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Float64

from retrodict.datasets.find import find_file
from retrodict.errors import ConfigurationError, NonFiniteError, NotNumericError, ShapeError
from retrodict.tables import read_table
from retrodict.tables.names import nearest

NUM_OBSERVATIONS = 10
NUM_DRAWS = 10_000
# What has the right SHA-256 and is wrong all the same is nothing a user could repair.
OUR_ERROR = "The list of reference files in this version of retrodict is wrong: please report it."

SBIBM_TASKS: Mapping[str, str] = MappingProxyType(
    {
        "two-moons": "two_moons",
        "gaussian-mixture": "gaussian_mixture",
        "linear-gaussian": "gaussian_linear",
        "slcp": "slcp",
        "sir": "sir",
        "lotka-volterra": "lotka_volterra",
    }
)
"""Names of our problems, and sbibm's names for them."""

# Parameters and observables of each task.
_SIZES = {
    "two-moons": (2, 2),
    "gaussian-mixture": (2, 2),
    "linear-gaussian": (10, 10),
    "slcp": (5, 8),
    "sir": (2, 10),
    "lotka-volterra": (4, 20),
}


@dataclass(frozen=True, eq=False)
class SbibmReference:
    """One observation of a task of sbibm, and draws from its posterior.

    Units, and the order of parameters and observables, are those of the problem of that name.

    Attributes:
        task: our name of it.
        number: of the observation, 1 to 10.
        observation: y.
        true_parameters: the x that the observation was simulated from.
        draws: 10,000 from p(x | y), one per row.
    """

    task: str
    number: int
    observation: Float64[np.ndarray, " cond"]
    true_parameters: Float64[np.ndarray, " dim"]
    draws: Float64[np.ndarray, "10000 dim"]


def sbibm_reference(task: str, number: int) -> SbibmReference:
    """Observation `number` of the task of sbibm that is our problem `task`.

    Files are found or fetched by `find_file`, whose errors are raised too.

    Args:
        task: a key of `SBIBM_TASKS`, e.g. "two-moons".
        number: 1 to 10.

    Raises:
        ConfigurationError: there is no such task, or no such observation.
        DataError: a file does not hold what it should.
    """
    if task not in SBIBM_TASKS:
        near = nearest(task.replace("_", "-"), SBIBM_TASKS)
        raise ConfigurationError(
            f"sbibm has no reference for `{task}`; it has for {', '.join(SBIBM_TASKS)}.",
            f"Did you mean {near}?" if near else "Choose one of these.",
        )
    if number not in range(1, NUM_OBSERVATIONS + 1):
        raise ConfigurationError(
            f"The observations of `{task}` are numbered 1 to {NUM_OBSERVATIONS}; got {number!r}.",
            "Choose one of these.",
        )
    folder = f"sbibm/{SBIBM_TASKS[task]}/num_observation_{number}"
    dim, cond_dim = _SIZES[task]
    [observation] = _numbers(f"{folder}/observation.csv", 1, cond_dim)
    [true_parameters] = _numbers(f"{folder}/true_parameters.csv", 1, dim)
    draws = _numbers(f"{folder}/reference_posterior_samples.csv.bz2", NUM_DRAWS, dim)
    return SbibmReference(task, number, observation, true_parameters, draws)


def _numbers(path: str, num_rows: int, num_columns: int) -> Float64[np.ndarray, "rows columns"]:
    """The table of that path, which must have that shape and no gaps."""
    table = read_table(find_file(path))
    if table.shape != (num_rows, num_columns):
        raise ShapeError(
            f"`{path}` should have {num_rows:,} rows of {num_columns} numbers; "
            f"it has {len(table):,} of {table.shape[1]}.",
            OUR_ERROR,
        )
    try:
        values = table.to_numpy(np.float64)
    except ValueError as error:
        raise NotNumericError(f"`{path}` should hold numbers only: {error}.", OUR_ERROR) from error
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise NonFiniteError(
            f"`{path}` should hold finite numbers only; row {row}, column {column} is "
            f"{values[row, column]}.",
            OUR_ERROR,
        )
    return values
