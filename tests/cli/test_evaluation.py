"""What a run is judged by, beyond the verdict: z-scores, predictions, likeness to training."""

import json

import numpy as np
import pytest

from retrodict.cli.evaluate import Unanswered, evaluate, predictive_check
from retrodict.cli.trained_run import open_run
from retrodict.comparison.against_problem import HeldOut
from retrodict.variables import Variable

LENGTHS = tuple(Variable(f"y{i}", "m") for i in range(3))


def test_a_run_of_a_problem_keeps_all_of_them(moons):
    metrics = json.loads((moons / "metrics.json").read_text())
    assert metrics["posterior_z_scores"]["num_observations"] == 50
    assert metrics["posterior_predictive_check"]["num_observations"] == 50
    assert 0 < metrics["misspecification"]["batch_p_value"] <= 1
    # Of thousands of observations nobody wants each in the file.
    assert "observations" not in metrics["misspecification"]


def test_a_fit_of_a_table_has_nothing_to_predict_with(throws):
    metrics = json.loads((throws / "metrics.json").read_text())
    assert set(metrics["posterior_z_scores"]["readings"]) == {"speed", "angle"}
    assert metrics["misspecification"]["level"] == 0.01
    assert "posterior_predictive_check" not in metrics


@pytest.mark.parametrize("factor", [1.0, 10.0], ids=["as in training", "in another unit"])
def test_observations_unlike_those_of_training_are_told(throws, factor):
    run = open_run(throws)
    pairs = HeldOut(run.held_out.x, run.held_out.y * factor)
    evaluation = evaluate(run.estimator, pairs, num_draws=50)
    assert evaluation.misspecification.passed == (factor == 1)
    assert str(evaluation.misspecification) in evaluation.sentences


def test_a_parameter_whose_draws_never_differ_has_no_z_score(throws, monkeypatch):
    run = open_run(throws)

    def all_equal(estimator, y, num_draws, seed):
        rng = np.random.default_rng(seed)
        draws = rng.uniform(5, 25, size=(len(y), num_draws, 2))
        draws[3, :, 1] = 40.0
        return draws

    monkeypatch.setattr("retrodict.cli.evaluate.posterior_draws", all_equal)
    evaluation = evaluate(run.estimator, run.held_out, num_draws=50)
    assert isinstance(evaluation.z_scores, Unanswered)
    assert "z-score of each posterior was not looked at" in "\n".join(evaluation.sentences)
    assert "posterior_z_scores" not in evaluation.to_dict()


@pytest.mark.parametrize(
    ("observables", "names"),
    [
        (LENGTHS, ("mean", "sd", "min", "max", "y0", "y1", "y2")),
        (LENGTHS[:2], ("y0", "y1")),
        ((*LENGTHS[:2], Variable("time", "s")), ("y0", "y1", "time")),
        ((*LENGTHS[:2], Variable("max", "m")), ("y0", "y1", "max")),
    ],
    ids=["a series", "two lengths", "lengths and a time", "a name that is taken"],
)
def test_observables_are_summarised_only_where_that_means_something(observables, names):
    rng = np.random.default_rng(0)
    num = len(observables)
    check = predictive_check(rng.normal(size=(4, 200, num)), rng.normal(size=(4, num)),
                             observables, 0)  # fmt: skip
    assert check.names == names
    assert check.passed


def test_what_is_simulated_in_one_observable_is_compared_in_that_one():
    rng = np.random.default_rng(1)
    again = rng.normal(size=(5, 400, 2)) * [1.0, 1.0] + [0.0, 100.0]
    check = predictive_check(again, np.tile([0.0, 107.0], (5, 1)), LENGTHS[:2], 0)
    assert not check.passed
    assert check.finding == "`y1` is larger than replicated"
