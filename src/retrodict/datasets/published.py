"""Published results of the sbibm benchmark, as one table under our names.

Lueckmann et al. 2021, arXiv:2101.04653; https://github.com/sbi-benchmark/results.
"""

from typing import TYPE_CHECKING

import numpy as np

from retrodict.datasets.find import find_file
from retrodict.datasets.sbibm import OUR_ERROR, SBIBM_TASKS
from retrodict.errors import ColumnNotFoundError, DataError, NonFiniteError
from retrodict.tables import read_table

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

_RUN = ["task", "num_simulations", "num_observation", "algorithm"]
_MEASURES = {"C2ST": "c2st", "MMD": "mmd", "RT": "minutes"}
_POWERS_OF_TEN = {f"10{power}": 10**n for n, power in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}


def sbibm_published() -> "pandas.DataFrame":
    """Every published result of our tasks: eight methods, three budgets, ten observations.

    The results of `gaussian-mixture` are those of the rerun: the paper's own came from an error
    in the simulator (sbibm 1.1.0). The rerun used other seeds and a newer version of sbi.

    Returns:
        One row per run, in the order of `SBIBM_TASKS`: `task` (our name), `num_simulations`,
        `num_observation` (1 to 10), `algorithm` ("NPE", "SNPE", "NLE", "SNLE", "NRE", "SNRE",
        "REJ-ABC", "SMC-ABC"), `c2st` (0.5 is perfect), `mmd` (unbiased MMD^2), and `minutes` of
        run time on the authors' machine. Minutes are NaN where none were published: 90 of the
        240 runs of `lotka-volterra`.

    Raises:
        DataError: a file does not hold what it should; also the errors of `find_file`.
    """
    paper, rerun = (
        read_table(find_file(f"sbibm/published/{name}.csv"))
        for name in ("main_paper", "gaussian_mixture_rerun")
    )
    return _joined(paper, rerun)


def _joined(paper: "pandas.DataFrame", rerun: "pandas.DataFrame") -> "pandas.DataFrame":
    """The results of the paper, with those of the tasks in `rerun` replaced, under our names."""
    import pandas as pd

    for table in (paper, rerun):
        if missing := {*_RUN, *_MEASURES}.difference(table.columns):
            raise ColumnNotFoundError(
                f"Published results of sbibm lack the columns {', '.join(sorted(missing))}.",
                OUR_ERROR,
            )
    paper = paper[~paper["task"].isin(rerun["task"])]
    every = pd.concat([paper, rerun], ignore_index=True)[[*_RUN, *_MEASURES]]
    ours = {theirs: name for name, theirs in SBIBM_TASKS.items()}
    results = every[every["task"].isin(ours)].rename(columns=_MEASURES)
    results = results.assign(
        task=results["task"].map(ours),
        num_simulations=[_num_simulations(text) for text in results["num_simulations"]],
    )
    _check(results)
    order = results["task"].map(list(SBIBM_TASKS).index)
    return (
        results.assign(order=order)
        .sort_values(["order", *_RUN[1:]])
        .drop(columns="order")
        .reset_index(drop=True)
    )


def _num_simulations(text: object) -> int:
    """A budget is written as a power of ten with a raised exponent: "10³"."""
    if text not in _POWERS_OF_TEN:
        raise DataError(
            f"A budget of the published results should be like `10³`; got `{text}`.", OUR_ERROR
        )
    return _POWERS_OF_TEN[str(text)]


def _check(results: "pandas.DataFrame") -> None:
    twice = results.duplicated(_RUN)
    if twice.any():
        raise DataError(
            f"Each published run should be there once; {_first(results[twice])} is there more "
            "often.",
            OUR_ERROR,
        )
    for measure in ("c2st", "mmd"):
        lacking = ~np.isfinite(results[measure])
        if lacking.any():
            raise NonFiniteError(
                f"Each published run should have a finite {measure}; {_first(results[lacking])} "
                "has none.",
                OUR_ERROR,
            )


def _first(runs: "pandas.DataFrame") -> str:
    run = runs.iloc[0]
    return (
        f"{run['algorithm']} on observation {run['num_observation']} of {run['task']} "
        f"({run['num_simulations']:,} simulations)"
    )
