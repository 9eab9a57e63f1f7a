import numpy as np
import pytest
from scipy import stats

from retrodict.distributions import MultivariateNormal, Normal, StandardNormal, Uniform
from retrodict.problems import get_problem
from retrodict.problems.marginals import IndependentMarginals
from retrodict.report.priors import prior_in_words


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        (
            Normal(np.array([0.0, -3.0]), np.array([0.25, 10.0])),
            ("normal, mean 0, sd 0.25", "normal, mean −3, sd 10"),
        ),
        (
            MultivariateNormal(np.array([1.0, 0.0]), np.array([[4.0, 1.0], [1.0, 9.0]])),
            ("normal, mean 1, sd 2, correlated", "normal, mean 0, sd 3, correlated"),
        ),
        (MultivariateNormal(np.array([1.0]), np.array([[4.0]])), ("normal, mean 1, sd 2",)),
        (Uniform(np.array([-1.0, 0.1]), np.array([1.0, 200.0])),
         ("uniform, −1 to 1", "uniform, 0.1 to 200")),
        (
            # The second has neither mean nor variance.
            IndependentMarginals({"speed": stats.uniform(10, 100), "place": stats.cauchy()}),
            ("uniform, 95 % from 12.5 to 107.5", "cauchy, 95 % from −12.71 to 12.71"),
        ),
        (StandardNormal((2,)), ()),
    ],
    ids=["normal", "correlated", "one normal", "uniform", "scipy", "no short name"],
)  # fmt: skip
def test_each_parameter_has_its_prior_in_words(prior, words):
    assert prior_in_words(prior) == words


def test_every_problem_has_words_for_all_of_its_parameters_or_none():
    for name in ("inverse-kinematics", "two-moons"):
        problem = get_problem(name)
        assert len(prior_in_words(problem.prior)) == len(problem.parameters)
