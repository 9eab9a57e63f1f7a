"""Classification with probabilities that say what the network does not know, by all methods."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, softmax
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

import retrodict
from retrodict import BayesianClassifier
from retrodict.errors import ConfigurationError, DataError, NotFittedError, ShapeError
from retrodict.variational.abstract_bayesian_network import METHODS

SMALL = {"hidden": (32,), "max_epochs": 60, "batch_size": 32}
NAMES = np.array(["left", "right"])


def clouds(num, seed):
    """Two normals that overlap: the odds of the right one are exp(4 x0)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=num)
    x = rng.normal(size=(num, 2))
    x[:, 0] += 2 * labels - 1
    # A prior of .5 and unit variances: log odds 2 x0.
    return x, NAMES[labels]


@pytest.fixture(scope="module")
def fitted():
    """One estimator for each method."""
    return {method: BayesianClassifier(method, **SMALL).fit(*clouds(500, 0)) for method in METHODS}


@parametrize_with_checks(
    [BayesianClassifier("none", hidden=(8,), max_epochs=40)],
    expected_failed_checks=lambda _: {
        "check_do_not_raise_errors_in_init_or_set_params": "annotated types are checked in tests"
    },
)
def test_it_is_a_scikit_learn_classifier(estimator, check):
    check(estimator)


@pytest.mark.parametrize("method", METHODS)
def test_probabilities_are_near_those_of_the_classes(fitted, method):
    x, labels = clouds(2_000, 1)
    estimator = fitted[method]
    assert_array_equal(estimator.classes_, NAMES)
    probabilities = estimator.predict_proba(x)
    exact = expit(2 * x[:, 0])
    assert_allclose(probabilities.sum(axis=1), 1)
    assert np.abs(probabilities[:, 1] - exact).mean() < 0.08
    is_right = (labels == "right").astype(float)
    best = log_loss(is_right, exact)
    assert log_loss(is_right, probabilities[:, 1]) < best + 0.03
    assert_array_equal(estimator.predict(x), NAMES[probabilities.argmax(axis=1)])
    assert_allclose(np.exp(estimator.predict_log_proba(x)), probabilities)
    taken = probabilities[np.arange(2_000), is_right.astype(int)]
    assert_allclose(estimator.log_prob(x, labels), np.log(taken))


@pytest.mark.parametrize("method", METHODS)
def test_uncertainties_are_entropies(fitted, method):
    x, _ = clouds(200, 2)
    estimator = fitted[method]
    uncertainty = estimator.uncertainty(x)
    p = estimator.predict_proba(x)
    assert_allclose(uncertainty.entropy, -(p * np.log(p)).sum(axis=1), rtol=1e-6)
    assert (uncertainty.entropy <= np.log(2) + 1e-9).all()
    assert (uncertainty.aleatoric <= uncertainty.entropy + 1e-9).all()
    # Between the clouds it is the classes that overlap, not the network that is unsure.
    between = estimator.uncertainty(np.zeros((1, 2)))
    assert between.aleatoric[0] > 0.5
    if method == "none":
        assert_allclose(uncertainty.epistemic, 0, atol=1e-9)
    else:
        assert 0 < between.epistemic[0] < 0.15


def test_far_from_all_rows_a_last_layer_doubts_what_a_plain_network_asserts(fitted):
    angles = np.linspace(0, 2 * np.pi, 40)
    far = 30 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    plain, laplace, ensemble = (
        fitted[method].uncertainty(far).entropy.mean() for method in ("none", "laplace", "ensemble")
    )
    assert laplace > 2 * plain
    assert ensemble > 1.5 * plain


def test_three_classes_of_numbers_are_saved(tmp_path):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(300, 2))
    logits = x @ [[2.0, 0.0, -2.0], [0.0, 2.0, 0.0]]
    labels = np.array([rng.choice([-1, 0, 7], p=p) for p in softmax(logits, axis=1)])
    for method in ("laplace", "ensemble"):
        estimator = BayesianClassifier(method, **SMALL).fit(x, labels)
        assert_array_equal(estimator.classes_, [-1, 0, 7])
        assert estimator.predict(x).dtype == labels.dtype
        assert np.abs(estimator.predict_proba(x) - softmax(logits, axis=1)).mean() < 0.1
        retrodict.save(estimator, tmp_path / method)
        again = retrodict.load(tmp_path / method)
        assert_array_equal(again.predict_proba(x), estimator.predict_proba(x))
        assert_array_equal(again.predict(x), estimator.predict(x))
        assert again.predict(x).dtype == labels.dtype


def test_in_cross_validation():
    x, labels = clouds(150, 5)
    estimator = BayesianClassifier("none", hidden=(16,), max_epochs=40)
    scores = cross_val_score(estimator, x, labels, cv=2, scoring="neg_log_loss")
    assert (scores > -0.6).all()


def test_data_that_make_no_sense_are_refused(fitted):
    x, labels = clouds(40, 6)
    with pytest.raises(NotFittedError):
        BayesianClassifier().predict_proba(x)
    with pytest.raises(DataError, match="only 1 class, 'left'"):
        BayesianClassifier(**SMALL).fit(x, np.repeat("left", 40))
    with pytest.raises(ShapeError, match="`y` has 39 rows; X has 40"):
        BayesianClassifier(**SMALL).fit(x, labels[:39])
    with pytest.raises(
        DataError, match=r"2 labels that training had not, the first in row 3: 'up'"
    ):
        fitted["none"].log_prob(x, np.where(np.isin(np.arange(40), [3, 9]), "up", labels))
    with pytest.raises(ConfigurationError, match="needs the prior"):
        BayesianClassifier("laplace", weight_decay=0.0).fit(x, labels)
    with pytest.raises(ConfigurationError, match="Unknown method 'svm'"):
        BayesianClassifier("svm").fit(x, labels)
