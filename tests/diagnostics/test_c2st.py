import json

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binomtest
from sklearn.model_selection import KFold
from sklearn.neural_network import MLPClassifier

from retrodict.diagnostics import c2st
from retrodict.diagnostics.c2st import standardised
from retrodict.errors import (
    ConfigurationError,
    ConstantColumnError,
    DivergenceError,
    ShapeError,
    TooFewRowsError,
)


def two_samples(seed, *, width=1.0, shift=0.0, num_draws=300):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, num_draws, 2))
    return first, shift + width * second


@pytest.mark.parametrize("seed", range(2))
def test_exact_draws_pass(seed):
    result = c2st(*two_samples(seed))
    assert result.passed
    assert abs(result.accuracy - 0.5) < 4 * np.sqrt(0.25 / 600)
    assert "cannot tell" in str(result)


def test_wrong_draws_are_rejected(lie):
    result = c2st(*two_samples(0, **lie))
    assert not result.passed
    assert 0.55 < float(result) < 0.8
    assert "apart" in str(result)


def test_definition_of_sbibm():
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(2, 50, 2)) * [1.0, 50.0] + [0.0, 1000.0]
    second[:, 0] += 2.5
    mean, sd = first.mean(axis=0), np.sqrt(((first - first.mean(axis=0)) ** 2).sum(axis=0) / 49)
    data = np.vstack([(first - mean) / sd, (second - mean) / sd]).astype(np.float32)
    target = np.asarray([0] * 50 + [1] * 50)
    accuracies = []
    for train, test in KFold(5, shuffle=True, random_state=1).split(data):
        classifier = MLPClassifier((20, 20), max_iter=10000, random_state=1)
        classifier.fit(data[train], target[train])
        accuracies.append(np.mean(classifier.predict(data[test]) == target[test]))
    result = c2st(first, second)
    assert_allclose(result.fold_accuracies, accuracies)
    assert_allclose(result.accuracy, np.mean(accuracies))
    exact = binomtest(round(np.mean(accuracies) * 100), 100, alternative="greater").pvalue
    assert_allclose(result.p_value, exact)


def test_draws_far_from_zero_in_single_precision():
    first, second = two_samples(2, num_draws=100)
    near = standardised(first, second)
    far = standardised((first + 1000).astype(np.float32), (second + 1000).astype(np.float32))
    assert_allclose(far, near, atol=1e-3)


@pytest.mark.parametrize("unit", [1e-200, 1e-310, 1e200, 1e307])
def test_the_unit_changes_no_digit(unit):
    # Near the ends of double precision squares vanish or overflow, and so would the sd.
    first, second = two_samples(2, num_draws=100)
    power = 2.0 ** np.round(np.log2(unit))
    rtol = 1e-3 if unit < 1e-307 else 0  # denormal numbers have fewer digits
    assert_allclose(
        standardised(first * power, second * power), standardised(first, second), rtol=rtol
    )


@pytest.mark.parametrize("z_score", [True, False])
@pytest.mark.parametrize("far", [1e25, 1e300])
def test_samples_too_far_apart_to_train_on_do_not_pass(far, z_score):
    first, second = two_samples(2, num_draws=100)
    with pytest.raises(DivergenceError, match="many powers of ten apart"):
        c2st(first, second + far, z_score=z_score)
    with pytest.raises(DivergenceError, match=r"inf.*must stay below 1e\+15"):
        c2st(first * 1e-300, second * 1e300)


def test_samples_just_near_enough_are_told_apart():
    first, second = two_samples(2, num_draws=50)
    assert c2st(first, second + 1e14).accuracy == 1


def test_folds_in_parallel_give_the_same():
    first, second = two_samples(3, num_draws=50, shift=3.0)
    alone, together = c2st(first, second), c2st(first, second, num_jobs=2)
    assert together.to_dict() == alone.to_dict()


def test_seed_and_folds_are_heard():
    first, second = two_samples(4, num_draws=50, shift=3.0)
    assert len(c2st(first, second, num_folds=3).fold_accuracies) == 3
    assert c2st(first, second, seed=2).to_dict() != c2st(first, second).to_dict()


def test_dictionary_is_json():
    result = c2st(*two_samples(5, num_draws=50, shift=3.0))
    loaded = json.loads(json.dumps(result.to_dict()))
    assert loaded["accuracy"] == result.accuracy
    assert loaded["num_draws"] == 50


def test_senseless_arguments_are_refused():
    first, second = two_samples(6, num_draws=60)
    with pytest.raises(ShapeError, match="same shape"):
        c2st(first, second[:50])
    with pytest.raises(TooFewRowsError, match="at least 50"):
        c2st(first[:10], second[:10])
    with pytest.raises(ConstantColumnError, match="cannot be standardised"):
        c2st(first * [1, 0], second)
    with pytest.raises(ConfigurationError, match="num_folds"):
        c2st(first, second, num_folds=1)
