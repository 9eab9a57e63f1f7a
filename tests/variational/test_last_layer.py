"""Posteriors of last layers against scikit-learn, the evidence itself, and automatic curvature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import softmax
from sklearn.linear_model import BayesianRidge

from retrodict.errors import ConfigurationError
from retrodict.variational.last_layer import (
    LastLayer,
    linear_posterior,
    softmax_posterior,
)

WEIGHTS = np.array([1.0, -0.5, 0.3, 0.0])


@pytest.fixture(scope="module")
def regression():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 4)) * [1, 2, 1, 0.5]
    return features, features @ WEIGHTS + 0.4 * rng.normal(size=60)


def evidence(features, y, alpha, noise_sd):
    """log p(y), the weights integrated out: a normal with a known covariance."""
    covariance = features @ features.T / alpha + np.diag(np.broadcast_to(noise_sd, len(y)) ** 2)
    return stats.multivariate_normal(np.zeros(len(y)), covariance).logpdf(y)


def alpha_of(features, covariance, noise_sd):
    """That of a posterior: its precision without that of the data."""
    scaled = features / np.broadcast_to(noise_sd, len(features))[:, None]
    alphas = np.linalg.inv(covariance) - scaled.T @ scaled
    assert_allclose(alphas, alphas[0, 0] * np.eye(len(alphas)), atol=1e-3 * alphas[0, 0] + 1e-6)
    return alphas[0, 0]


def test_regression_is_scikit_learns(regression):
    features, y = regression
    mean, root, noise_sd = linear_posterior(features, y, None)
    flat = dict.fromkeys(("alpha_1", "alpha_2", "lambda_1", "lambda_2"), 1e-12)
    oracle = BayesianRidge(fit_intercept=False, max_iter=1000, tol=1e-10, **flat).fit(features, y)
    assert_allclose(mean, oracle.coef_, rtol=1e-3)
    assert_allclose(noise_sd, oracle.alpha_**-0.5, rtol=1e-3)
    assert_allclose(root @ root.T, oracle.sigma_, rtol=5e-3, atol=1e-6)


@pytest.mark.parametrize("num_rows", [60, 8])
@pytest.mark.parametrize("noise", [None, "given"])
def test_the_evidence_is_at_its_largest(regression, noise, num_rows):
    """With few rows, too, where half of the weights are determined by the prior."""
    features, y = (column[:num_rows] for column in regression)
    given = None if noise is None else np.linspace(0.2, 0.9, len(y))
    mean, root, learned = linear_posterior(features, y, given)
    noise_sd = learned if given is None else given
    alpha = alpha_of(features, root @ root.T, noise_sd)
    best = evidence(features, y, alpha, noise_sd)
    for change in (0.7, 1.4):
        assert evidence(features, y, alpha * change, noise_sd) < best
        if given is None:
            assert evidence(features, y, alpha, noise_sd * change) < best
    scaled = features / np.broadcast_to(noise_sd, len(y))[:, None]
    target = scaled.T @ (y / noise_sd)
    assert_allclose(mean, root @ root.T @ target, rtol=1e-6)


def test_features_that_tell_nothing_leave_the_prior():
    rng = np.random.default_rng(1)
    features, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    mean, _, noise_sd = linear_posterior(features, 1e-6 * features[:, 0] + y, None)
    assert (np.abs(mean) < 0.4).all()
    assert_allclose(noise_sd, y.std(), rtol=0.15)


@pytest.fixture(scope="module")
def classification():
    rng = np.random.default_rng(2)
    features = np.concatenate([rng.normal(size=(80, 2)), np.ones((80, 1))], axis=1)
    weights = np.array([[1.5, -1.0, 0.0], [0.0, 1.0, -1.0], [0.2, 0.0, 0.0]])
    labels = [rng.choice(3, p=p) for p in softmax(features @ weights, axis=1)]
    return features, weights, np.eye(3)[labels]


def test_the_precision_is_the_curvature_of_likelihood_and_prior(classification):
    features, weights, indicators = classification
    root = softmax_posterior(features, softmax(features @ weights, axis=1), 0.7)

    def loss(flat):
        logits = jnp.asarray(features, jnp.float32) @ flat.reshape(3, 3)
        chosen = jax.nn.log_softmax(logits) * jnp.asarray(indicators, jnp.float32)
        return 0.7 / 2 * (flat**2).sum() - chosen.sum()

    oracle = jax.hessian(loss)(jnp.asarray(weights.ravel(), jnp.float32))
    assert_allclose(np.linalg.inv(root @ root.T), oracle, atol=2e-4)


def test_draws_have_the_posterior_they_are_from(classification):
    features, weights, _ = classification
    rng = np.random.default_rng(4)
    joint = 0.3 * rng.normal(size=(1, 1, 9, 9))
    apart = 0.3 * rng.normal(size=(1, 3, 3, 3))
    for root in (joint, apart):
        layer = LastLayer(
            jnp.asarray(weights[None], jnp.float32),
            jnp.asarray(root, jnp.float32),
            jnp.ones((1, 3)),
        )
        draws = layer.draws(features[None, :2], 6_000, rng)
        error = draws.std(axis=0) / np.sqrt(6_000)
        assert (np.abs(draws.mean(axis=0) - features[:2] @ weights) < 4.5 * error).all()
        if root is apart:
            means, sds = layer.means_and_sds(features[None, :2])
            assert_allclose(means[0], features[:2] @ weights, rtol=1e-5)
        else:
            big = root[0, 0] @ root[0, 0].T
            each = np.stack([np.kron(f, np.eye(3)) for f in features[:2]])
            sds = np.sqrt(np.einsum("rti,ij,rtj->rt", each, big, each))[None]
        assert_allclose(draws.std(axis=0), sds[0], rtol=0.05)


def test_too_wide_layers_are_refused():
    with pytest.raises(ConfigurationError, match="10,100 weights") as caught:
        LastLayer.empty(1, 101, 100, joint=True)
    assert "narrower" in caught.value.hint
    LastLayer.empty(1, 101, 20, joint=False)
