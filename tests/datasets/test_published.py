"""Published results against known means of the benchmark and Python's own reader."""

import csv

import numpy as np
import pytest

from retrodict.datasets import SBIBM_TASKS, sbibm_published
from retrodict.errors import ColumnNotFoundError, DataError, NonFiniteError

# Mean C2ST of NPE over the ten observations, for 1e3, 1e4 and 1e5 simulations.
NPE = {
    "two-moons": (0.725, 0.606, 0.542),
    "gaussian-mixture": (0.716, 0.615, 0.548),
    "linear-gaussian": (0.694, 0.552, 0.506),
    "slcp": (0.975, 0.901, 0.831),
    "sir": (0.815, 0.680, 0.585),
    "lotka-volterra": (0.999, 0.997, 0.981),
}
HEAD = "task,num_simulations,num_observation,algorithm,C2ST,MMD,RT\n"
PAPER = (
    HEAD + "two_moons,10⁴,2,NPE,0.6,0.01,1.5\n"
    "gaussian_mixture,10³,1,NPE,0.9,0.5,2.5\n"
    "bernoulli_glm,10³,1,NPE,0.8,0.2,3.5\n"
    "two_moons,10³,1,SNPE,0.7,-0.001,\n"
)
RERUN = HEAD + "gaussian_mixture,10⁵,1,NPE,0.55,0.02,4.5\n"


@pytest.fixture
def made_up(own_files):
    def made_up(paper=PAPER, rerun=RERUN):
        own_files(
            {
                "sbibm/published/main_paper.csv": paper.encode(),
                "sbibm/published/gaussian_mixture_rerun.csv": rerun.encode(),
            }
        )

    return made_up


@pytest.fixture
def results(reference_data):
    return sbibm_published()


def rows(file):
    """As dictionaries of texts."""
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_means_are_the_known_ones(results):
    npe = results[results["algorithm"] == "NPE"]
    means = npe.pivot_table(index="task", columns="num_simulations", values="c2st")
    assert list(means.columns) == [1_000, 10_000, 100_000]
    for task, known in NPE.items():
        assert np.abs(means.loc[task].to_numpy() - known).max() < 6e-4


def test_every_run_of_our_tasks_is_there_once(results):
    keys = ["task", "num_simulations", "num_observation", "algorithm"]
    assert list(results.columns) == [*keys, "c2st", "mmd", "minutes"]
    assert len(results) == len(results[keys].drop_duplicates()) == 6 * 3 * 10 * 8
    assert list(results["task"].unique()) == list(SBIBM_TASKS)
    assert set(results["num_observation"]) == set(range(1, 11))
    assert set(results["algorithm"]) == {
        *("NPE", "NLE", "NRE", "SNPE", "SNLE", "SNRE", "REJ-ABC", "SMC-ABC")
    }
    assert results["num_simulations"].dtype == results["num_observation"].dtype == np.int64


def test_numbers_are_those_of_the_files_and_of_the_rerun(results, reference_data):
    powers = {1_000: "10³", 10_000: "10⁴", 100_000: "10⁵"}
    folder = reference_data / "sbibm" / "published"
    raw = {
        (row["task"], row["num_simulations"], int(row["num_observation"]), row["algorithm"]): row
        for name in ("main_paper.csv", "gaussian_mixture_rerun.csv")
        for row in rows(folder / name)
    }
    for run in results.itertuples():
        row = raw[
            SBIBM_TASKS[run.task], powers[run.num_simulations], run.num_observation, run.algorithm
        ]
        theirs = [float(row[name] or "nan") for name in ("C2ST", "MMD", "RT")]
        np.testing.assert_array_equal([run.c2st, run.mmd, run.minutes], theirs)


def test_minutes_lack_where_none_were_published(results):
    unknown = results[results["minutes"].isna()]
    assert set(unknown["task"]) == {"lotka-volterra"}
    assert len(unknown) == 90


def test_made_up_results_are_renamed_replaced_and_sorted(made_up):
    made_up()
    assert sbibm_published().fillna(-1).to_numpy().tolist() == [
        ["two-moons", 1_000, 1, "SNPE", 0.7, -0.001, -1],
        ["two-moons", 10_000, 2, "NPE", 0.6, 0.01, 1.5],
        ["gaussian-mixture", 100_000, 1, "NPE", 0.55, 0.02, 4.5],
    ]


@pytest.mark.parametrize(
    ("files", "error", "told"),
    [
        (
            {"paper": PAPER + "two_moons,10⁴,2,NPE,0.61,0.01,1.5\n"},
            DataError,
            r"once; NPE on observation 2 of two-moons \(10,000 simulations\)",
        ),
        (
            {"paper": PAPER.replace("0.7,", ",")},
            NonFiniteError,
            "finite c2st; SNPE on observation 1",
        ),
        (
            {"paper": PAPER.replace("0.01,", "inf,")},
            NonFiniteError,
            "finite mmd; NPE on observation 2",
        ),
        ({"rerun": RERUN.replace("C2ST", "accuracy")}, ColumnNotFoundError, "columns C2ST"),
        ({"paper": PAPER.replace("10⁴", "10000")}, DataError, "like `10³`; got `10000`"),
        ({"rerun": RERUN.replace("10⁵", "10^5")}, DataError, r"got `10\^5`"),
    ],
    ids=["twice", "no-c2st", "infinite-mmd", "no-column", "plain-number", "other-power"],
)
def test_files_that_do_not_hold_what_they_should_are_refused(files, error, told, made_up):
    made_up(**files)
    with pytest.raises(error, match=told):
        sbibm_published()
