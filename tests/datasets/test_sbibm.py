"""Reference posteriors against closed forms, our problems and NumPy's own reader."""

import bz2

import numpy as np
import pytest

from retrodict.datasets import SBIBM_TASKS, sbibm_reference
from retrodict.errors import (
    ConfigurationError,
    NonFiniteError,
    NotNumericError,
    ShapeError,
    TableFormatError,
)
from retrodict.problems import get_problem

FOLDER = "sbibm/sir/num_observation_3"
OBSERVATION = "a,b,c,d,e,f,g,h,i,j\n0,1,2,3,4,5,6,7,8,9\n"
TRUTH = "beta,gamma\n0.5,0.125\n"
DRAWS = "beta,gamma\n" + "0.25,0.75\n" * 10_000


@pytest.fixture
def made_up(own_files):
    """Files of the third observation of `sir`, registered as they are."""

    def made_up(observation=OBSERVATION, truth=TRUTH, draws=DRAWS):
        packed = draws if isinstance(draws, bytes) else bz2.compress(draws.encode())
        own_files(
            {
                f"{FOLDER}/observation.csv": observation.encode(),
                f"{FOLDER}/true_parameters.csv": truth.encode(),
                f"{FOLDER}/reference_posterior_samples.csv.bz2": packed,
            }
        )

    return made_up


@pytest.mark.parametrize("task", SBIBM_TASKS)
def test_a_reference_has_the_parameters_and_observables_of_our_problem(task, reference_data):
    reference, problem = sbibm_reference(task, 10), get_problem(task)
    assert (reference.task, reference.number) == (task, 10)
    assert reference.observation.shape == (len(problem.observables),)
    assert reference.true_parameters.shape == (len(problem.parameters),)
    assert reference.draws.shape == (10_000, len(problem.parameters))
    for x in (reference.draws, reference.true_parameters[None]):
        for column, parameter in zip(x.T, problem.parameters, strict=True):
            assert (column >= parameter.lower).all()
            assert (column <= parameter.upper).all()


@pytest.mark.parametrize("number", [1, 2, 10])
def test_numbers_are_those_of_the_files(number, reference_data):
    reference = sbibm_reference("lotka-volterra", number)
    folder = reference_data / "sbibm" / "lotka_volterra" / f"num_observation_{number}"
    expected = [
        np.loadtxt(folder / name, delimiter=",", skiprows=1)
        for name in (
            "observation.csv",
            "true_parameters.csv",
            "reference_posterior_samples.csv.bz2",
        )
    ]
    found = (reference.observation, reference.true_parameters, reference.draws)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == np.float64
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("number", [1, 6])
def test_draws_of_linear_gaussian_follow_its_posterior(number, reference_data):
    """p(x | y) = N(y / 2, 0.05 I)."""
    reference = sbibm_reference("linear-gaussian", number)
    z = (reference.draws - reference.observation / 2) / np.sqrt(0.05)
    assert (np.abs(z.mean(axis=0)) < 4 / np.sqrt(10_000)).all()
    assert (np.abs(z.var(axis=0) - 1) < 4 * np.sqrt(2 / 10_000)).all()


def test_made_up_files_are_read_as_they_are(made_up):
    made_up()
    reference = sbibm_reference("sir", 3)
    np.testing.assert_array_equal(reference.observation, np.arange(10.0))
    np.testing.assert_array_equal(reference.true_parameters, [0.5, 0.125])
    np.testing.assert_array_equal(reference.draws, np.tile([0.25, 0.75], (10_000, 1)))


@pytest.mark.parametrize(
    ("files", "error", "told"),
    [
        ({"draws": DRAWS[:-10]}, ShapeError, "10,000 rows of 2 numbers; it has 9,999 of 2"),
        ({"observation": OBSERVATION * 2}, ShapeError, "1 rows of 10 numbers; it has 3 of 10"),
        ({"observation": "a,b\n1,2\n"}, ShapeError, "1 rows of 10 numbers; it has 1 of 2"),
        ({"truth": "beta,gamma,c\n1,2,3\n"}, ShapeError, "1 rows of 2 numbers; it has 1 of 3"),
        ({"truth": "beta,gamma\n0.5,nan\n"}, NonFiniteError, "row 0, column 1 is nan"),
        ({"truth": "beta,gamma\n0.5,\n"}, NonFiniteError, "row 0, column 1 is nan"),
        ({"draws": DRAWS[:-10] + "inf,0.75\n"}, NonFiniteError, "row 9999, column 0 is inf"),
        ({"truth": "beta,gamma\n0.5,high\n"}, NotNumericError, "numbers only"),
        ({"draws": bz2.compress(DRAWS.encode())[:-20]}, TableFormatError, "reference_posterior"),
        ({"truth": ""}, TableFormatError, "true_parameters.csv"),
    ],
)
def test_files_that_do_not_hold_what_they_should_are_refused(files, error, told, made_up):
    made_up(**files)
    with pytest.raises(error, match=told):
        sbibm_reference("sir", 3)


@pytest.mark.parametrize(
    ("task", "hint"),
    [
        ("two_moons", "`two-moons`"),
        ("linear-gausian", "`linear-gaussian`"),
        ("inverse-kinematics", "Choose one"),
    ],
)
def test_an_unknown_task_is_refused(task, hint):
    with pytest.raises(ConfigurationError, match=f"no reference for `{task}`") as raised:
        sbibm_reference(task, 1)
    assert hint in raised.value.hint


@pytest.mark.parametrize("number", [0, 11, -1])
def test_an_unknown_observation_is_refused(number):
    with pytest.raises(ConfigurationError, match=f"1 to 10; got {number}"):
        sbibm_reference("slcp", number)
