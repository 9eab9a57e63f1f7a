"""What others have reached with as many simulations, for the same observations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

AMORTISED = "NPE"
ALGORITHMS = ("NPE", "SNPE", "NLE", "SNLE", "NRE", "SNRE", "REJ-ABC", "SMC-ABC")


@dataclass(frozen=True)
class Published:
    """Published numbers of one algorithm, means over observations.

    Attributes:
        algorithm: e.g. "NPE".
        c2st: 0.5 is perfect.
        mmd: unbiased MMD^2.
        minutes: of one run, on its authors' machine; None where none were published.
    """

    algorithm: str
    c2st: float
    mmd: float
    minutes: float | None


def published_results(
    table: "pandas.DataFrame", task: str, num_simulations: int, observations: Sequence[int]
) -> Mapping[str, Published]:
    """By algorithm; empty where nothing was published.

    An algorithm whose results lack one of the observations is left out, for its mean would be
    over others.

    Args:
        table: of `retrodict.datasets.sbibm_published`.
        task: our name of it.
        num_simulations: exactly so many.
        observations: over which means are taken.
    """
    rows = table[(table["task"] == task) & (table["num_simulations"] == num_simulations)]
    rows = rows[rows["num_observation"].isin(observations)]
    found = {}
    for algorithm in ALGORITHMS:
        of_it = rows[rows["algorithm"] == algorithm]
        if set(of_it["num_observation"]) != set(observations):
            continue
        minutes = of_it["minutes"].dropna()
        found[algorithm] = Published(
            algorithm,
            float(np.mean(of_it["c2st"])),
            float(np.mean(of_it["mmd"])),
            float(minutes.mean()) if len(minutes) else None,
        )
    return found


def published_budgets(table: "pandas.DataFrame", task: str) -> tuple[int, ...]:
    """The numbers of simulations that there are results for, increasing."""
    return tuple(int(num) for num in sorted(set(table["num_simulations"][table["task"] == task])))
