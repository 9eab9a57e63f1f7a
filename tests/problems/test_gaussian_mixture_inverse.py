"""The mixture of Gaussians as an inverse problem, against NumPy and SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import special, stats

from retrodict.errors import ConfigurationError, DataError
from retrodict.flows import RealNVP
from retrodict.problems import TOY_DENSITIES, GaussianMixtureInverse, get_problem
from retrodict.solvers import ConditionalFlow

LOCS = np.array([[-1.0, 0.2], [0.9, 0.5], [0.1, -1.3], [0.4, 2.0]])
SDS = np.array([0.8, 0.5, 1.1, 0.3])
WEIGHTS = np.array([3.0, 1.0, 2.0, 4.0])
LABELS = [2, 0, 2, 0]
OVERLAPPING = GaussianMixtureInverse(LOCS, SDS, WEIGHTS, LABELS)
ONE_HOT = np.eye(4)


def label_probabilities(x):
    """P(label | x) of each row by Bayes' theorem in NumPy, (rows, 4)."""
    joint = np.log(WEIGHTS / WEIGHTS.sum()) + np.stack(
        [stats.norm(m, s).logpdf(x).sum(axis=1) for m, s in zip(LOCS, SDS, strict=True)],
        axis=1,
    )
    return special.softmax(joint, axis=1) @ ONE_HOT[LABELS]


def test_the_likelihood_is_bayes_theorem(key):
    x = OVERLAPPING.sample_prior(key, 200)
    log_likelihood = jax.vmap(jax.vmap(OVERLAPPING.log_likelihood, (None, 0)), (0, None))
    found = np.exp(log_likelihood(jnp.asarray(x), jnp.eye(4)))
    assert_allclose(found, label_probabilities(x), atol=2e-5)
    assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


def test_far_from_all_components_the_likelihood_is_still_one_of_them():
    x = jnp.array([60.0, -40.0])
    assert_allclose(OVERLAPPING.log_likelihood(x, jnp.array([0.0, 0, 1, 0])), 0, atol=1e-6)
    assert OVERLAPPING.log_likelihood(x, jnp.array([1.0, 0, 0, 0])) < -100


def test_simulations_follow_the_likelihood(key):
    num = 20_000
    for x in ([0.2, 0.1], [0.7, 1.0]):
        labels = OVERLAPPING.simulate_rows(key, np.tile(x, (num, 1)))
        [expected] = label_probabilities(np.array([x]))
        assert (labels.sum(axis=1) == 1).all()
        error = np.sqrt(expected * (1 - expected) / num)
        assert (np.abs(labels.mean(axis=0) - expected) <= 4 * error).all()


def test_the_exact_posterior_is_the_prior_weighted_by_the_likelihood(key):
    num = 40_000
    x = OVERLAPPING.sample_prior(key, 4 * num).astype(float)
    draws = OVERLAPPING.exact_posterior_rows(key, ONE_HOT[[0, 2]], num)
    for label, found in zip((0, 2), draws, strict=True):
        weights = label_probabilities(x)[:, label]
        weights /= weights.sum()
        for moment in (lambda x: x, lambda x: x * x, lambda x: x[:, :1] * x[:, 1:]):
            expected = weights @ moment(x)
            deviations = moment(x) - expected
            error = np.sqrt(moment(found).var(axis=0) / num + weights**2 @ deviations**2)
            assert (np.abs(moment(found).mean(axis=0) - expected) < 4 * error).all()


@pytest.mark.parametrize(("labels", "corners"), [("all", 1), ("some", 4), ("none", 8)])
def test_toy8_posteriors_have_their_corners(labels, corners, key):
    problem = get_problem(f"toy8-{labels}")
    [draws] = problem.exact_posterior_rows(key, np.eye(8)[:1], 4000)
    locs = np.asarray(problem.prior.components.loc)
    nearest = np.linalg.norm(draws[:, None] - locs, axis=2).argmin(axis=1)
    shares = np.bincount(nearest, minlength=8) / 4000
    assert (shares[:corners] > 0).all()
    assert (np.abs(shares[:corners] - 1 / corners) < 4 * np.sqrt(1 / corners / 4000)).all()
    assert shares[corners:].sum() == 0
    assert_allclose((draws - locs[nearest]).std(axis=0), 0.2, rtol=0.06)


@pytest.mark.parametrize("labels", ["all", "some"])
def test_toy8_is_the_published_density(labels, key):
    problem = get_problem(f"toy8-{labels}")
    x, y = problem.simulations(key, 4000)
    log_prob = jax.vmap(problem.labelled.log_prob)(jnp.asarray(x), jnp.asarray(y))
    error = log_prob.std() / np.sqrt(4000)
    assert abs(-log_prob.mean() - TOY_DENSITIES[f"toy8-{labels}"].floor) < 4 * error


def test_labels_that_no_component_bears_are_always_zero(key):
    _, y = get_problem("toy8-some").simulations(key, 2000)
    assert y.shape == (2000, 8)
    assert (y[:, 4:] == 0).all()
    expected = np.array([4, 2, 1, 1]) / 8
    assert (np.abs(y[:, :4].mean(axis=0) - expected) < 4 * np.sqrt(expected / 2000)).all()


@pytest.mark.parametrize(
    "y",
    [np.eye(8)[5], np.zeros(8), np.eye(8)[0] + np.eye(8)[1], 0.5 * np.eye(8)[0]],
    ids=["not borne", "none", "two", "half"],
)
def test_an_observation_that_no_point_has_is_refused(y, key):
    problem = get_problem("toy8-some")
    assert problem.log_likelihood(jnp.array([1.0, 2.4]), jnp.asarray(y, float)) == -jnp.inf
    assert np.isnan(problem.exact_posterior(key, jnp.asarray(y, float), 3)).all()
    with pytest.raises(DataError, match="No x of the prior can have produced 1 of 2"):
        problem.exact_posterior_rows(key, np.stack([np.eye(8)[0], y]), 3)


@pytest.mark.parametrize("labels", ["none", "some"])
def test_a_solver_learns_beside_constant_labels(labels):
    """Columns that are always 0 or always 1 are left where they are, and harm nothing."""
    problem = get_problem(f"toy8-{labels}")
    small = RealNVP(num_layers=2, width=16)
    solver = ConditionalFlow(small, max_epochs=2).fit_problem(problem, num_simulations=2000)
    assert np.isfinite(solver.history_["validation_loss"]).all()
    assert (solver.scaling_["transform"] == "identity").all()
    y = np.eye(8)[0]
    draws = solver.retrodict(y).sample(500)
    assert np.isfinite(draws).all()
    exact = problem.exact_posterior(jax.random.key(1), jnp.asarray(y, float), 2000)
    assert_allclose(draws.mean(axis=0), exact.mean(axis=0), atol=0.6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 2.0], 1.0), "one row per component"),
        (([[1.0, np.nan]], 1.0), "`locs` holds NaN"),
        ((LOCS, -1.0), "`sds` must be one positive"),
        ((LOCS, [1.0, 2.0]), "each of 4 components"),
        ((LOCS, 1.0, [1.0, 0.0, 1.0, 1.0]), "`weights` must be"),
        ((LOCS, 1.0, None, [0, 1, 2]), "`labels` must be"),
        ((LOCS, 1.0, None, [0, 1, 2, 4]), "from 0 to 3"),
        ((LOCS, 1.0, None, [0.0, 1.0, 2.0, 3.5]), "whole number"),
    ],
)
def test_bad_mixtures_are_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        GaussianMixtureInverse(*arguments)


def test_an_unknown_label_map_is_refused():
    with pytest.raises(ConfigurationError, match="'none'"):
        GaussianMixtureInverse.toy8("most")
