"""Searches by gradient against linear algebra and SciPy, and what counts as one solution."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import optimize

from retrodict.errors import ConditionError, ConfigurationError, OutOfBoundsError, ShapeError
from retrodict.networks import MLP
from retrodict.solvers.gradient_search import GradientSearch, SearchEnd, search_from_many
from retrodict.solvers.scaling import fit_scaling
from retrodict.solvers.solutions import find_solutions
from retrodict.variables import Variable

NUM_STARTS = 128
C = np.array([[0.3, -1.2], [1.5, 0.4]])
PARAMETERS = (Variable("a"), Variable("b", lower=0.0))


def search_with(network, dim, **settings):
    defaults = {"noise_sd": jnp.asarray(0.3), "with_prior": False, "tolerance": 1e-3}
    return GradientSearch(
        network=network, max_steps=100, shape=(dim,), cond_shape=(2,), **(defaults | settings)
    )


def starts_of(key, dim):
    """The starts that `search_from_many` takes, (observations, starts, dim)."""
    return np.array(
        [
            [jr.normal(jr.fold_in(jr.fold_in(key, i), j), (dim,)) for j in range(NUM_STARTS)]
            for i in range(len(C))
        ]
    )


@pytest.fixture(scope="module")
def linear():
    return eqx.nn.Linear(3, 2, key=jr.key(5))


@pytest.fixture(scope="module")
def curved():
    network = MLP(2, 2, 16, 1, "tanh", key=jr.key(1))
    weight = 0.7 * jr.normal(jr.key(2), network.last.weight.shape)
    return eqx.tree_at(lambda network: network.last.weight, network, weight)


def test_without_prior_a_linear_search_ends_at_the_nearest_fit(linear, key):
    """u0 + A^+ (c - b - A u0): the fitting cause nearest to its start."""
    A, b = np.asarray(linear.weight, float), np.asarray(linear.bias, float)
    ends = search_from_many(search_with(linear, 3), key, C, NUM_STARTS)
    u0 = starts_of(key, 3)
    expected = u0 + (C[:, None] - b - u0 @ A.T) @ np.linalg.pinv(A).T
    assert ends.has_converged.all()
    assert_allclose(ends.u, expected, atol=2e-3)
    assert_allclose(ends.loss, 0, atol=1e-6)


@pytest.mark.parametrize("noise_sd", [0.3, 2.0])
def test_with_prior_a_linear_search_is_a_ridge_regression(linear, noise_sd, key):
    """(A^T A / s^2 + I)^-1 A^T (c - b) / s^2, from every start."""
    A, b = np.asarray(linear.weight, float), np.asarray(linear.bias, float)
    search = search_with(linear, 3, noise_sd=jnp.asarray(noise_sd), with_prior=True)
    ends = search_from_many(search, key, C, NUM_STARTS)
    ridge = np.linalg.solve(A.T @ A / noise_sd**2 + np.eye(3), A.T @ (C - b).T / noise_sd**2).T
    assert ends.has_converged.all()
    assert_allclose(ends.u, np.repeat(ridge[:, None], NUM_STARTS, axis=1), atol=2e-3)
    losses = ((ridge @ A.T + b - C) ** 2).sum(1) / (2 * noise_sd**2) + (ridge**2).sum(1) / 2
    assert_allclose(ends.loss, np.repeat(losses[:, None], NUM_STARTS, axis=1), rtol=1e-4)


@pytest.mark.parametrize("with_prior", [False, True])
def test_ends_in_a_curved_landscape_are_minima_that_scipy_confirms(curved, with_prior, key):
    search = search_with(curved, 2, with_prior=with_prior)
    ends = search_from_many(search, key, C, NUM_STARTS)
    rows = np.flatnonzero(ends.has_converged[0])[:20]
    assert ends.has_converged.mean() > 0.9
    c = jnp.asarray(C[0], jnp.float32)
    residuals = jax.jit(lambda u: search._residuals(u, c))
    for u, loss in zip(ends.u[0][rows], ends.loss[0][rows], strict=True):
        again = optimize.least_squares(
            lambda u: np.asarray(residuals(jnp.asarray(u, jnp.float32)), float), u, diff_step=1e-3
        )
        assert_allclose(again.cost, loss, rtol=1e-2, atol=1e-3)
        assert_allclose(again.x, u, atol=0.03)


def test_a_search_among_others_is_the_search_alone(curved, key):
    search = search_with(curved, 2, with_prior=True)
    ends = search_from_many(search, key, C, NUM_STARTS)
    few = search_from_many(search, key, C, 3)
    assert_allclose(few.u, ends.u[:, :3], atol=1e-5)
    start = jr.normal(jr.fold_in(jr.fold_in(key, 1), 2), (2,))
    alone = eqx.filter_jit(search.search)(start, jnp.asarray(C[1], jnp.float32))
    assert_allclose(alone.u, ends.u[1, 2], atol=1e-3)
    drawn = search.sample(jr.fold_in(jr.fold_in(key, 1), 2), jnp.asarray(C[1], jnp.float32))
    assert_allclose(drawn, alone.u, atol=1e-3)


def test_a_search_that_is_given_up_says_so(curved, key):
    search = dataclasses.replace(search_with(curved, 2), max_steps=1)
    ends = search_from_many(search, key, C, NUM_STARTS)
    assert not ends.has_converged.all()
    assert np.isfinite(ends.u).all()


def test_where_nothing_depends_on_the_cause_a_search_stays(key):
    search = search_with(lambda u: jnp.zeros(2, u.dtype) * u.sum(), 2)
    ends = search_from_many(search, key, C, 4)
    assert_allclose(ends.u, starts_of(key, 2)[:, :4], rtol=1e-6)


def test_a_search_needs_an_observation(linear, key):
    with pytest.raises(ConditionError):
        search_with(linear, 3).sample(key)


@pytest.fixture(scope="module")
def scattered():
    """Ends around three places for one observation, around one for the other."""
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, -1.0]])
    first = centres[rng.integers(3, size=40)] + 0.05 * rng.normal(size=(40, 2))
    second = np.array([2.0, 2.0]) + 0.3 * rng.normal(size=(40, 2))
    loss = rng.uniform(size=(2, 40))
    has_converged = rng.uniform(size=(2, 40)) < 0.8
    return SearchEnd(
        np.stack([first, second]).astype(np.float32), loss.astype(np.float32), has_converged
    )


@pytest.fixture(scope="module")
def scaling():
    rng = np.random.default_rng(1)
    x = np.column_stack([rng.normal(size=300), rng.lognormal(size=300)])
    return fit_scaling(x, rng.normal(size=(300, 2)), PARAMETERS, rng, regress=False)[0]


def solutions_of(ends, scaling, radius=0.25):
    return find_solutions(ends, C, radius=radius, scaling=scaling, parameters=PARAMETERS)


def greedily(u, loss, has_converged, radius):
    """Best first, with all ends near it; then the best of the others: in plain Python."""
    left = [i for i in np.argsort(loss) if has_converged[i]]
    while left:
        near = [i for i in left if np.linalg.norm(u[i] - u[left[0]]) <= radius]
        yield u[left[0]], loss[left[0]], len(near) / len(u)
        left = [i for i in left if i not in near]


@pytest.mark.parametrize("radius", [0.01, 0.25, 0.8, 100.0])
def test_distinct_solutions_are_those_of_a_greedy_search(scattered, scaling, radius):
    found = solutions_of(scattered, scaling, radius)
    expected = [list(greedily(*(part[i] for part in scattered), radius)) for i in (0, 1)]
    assert found.num_solutions.tolist() == [len(part) for part in expected]
    u, loss, share = (np.array(column) for column in zip(*(expected[0] + expected[1]), strict=True))
    assert_allclose(scaling.whiten(found.x), u, atol=1e-5)
    assert_allclose(found.loss, loss, rtol=1e-6)
    assert_allclose(found.share, share)
    shares = np.bincount(found.observation, found.share)
    assert_allclose(shares + found.share_not_converged, 1)


def test_coverage_is_the_share_of_draws_near_a_solution(scattered, scaling, rng):
    found = solutions_of(scattered, scaling)
    u = rng.normal(size=(2, 50, 2))
    x = scaling.inverse(u.reshape(100, 2), np.zeros((100, 2))).reshape(2, 50, 2)
    mine = [scaling.whiten(found.x[found.observation == i]) for i in (0, 1)]
    for distance in (0.25, 1.0):
        expected = [
            (np.linalg.norm(u[i][:, None] - mine[i], axis=2).min(axis=1) <= distance).mean()
            for i in (0, 1)
        ]
        assert_allclose(found.coverage(x, distance=distance), expected)
    assert_array_equal(found.coverage(x), found.coverage(x, distance=0.25))
    assert 0 < found.coverage(x)[0] < 1


def test_without_a_converged_search_there_is_no_solution(scattered, scaling):
    nothing = scattered._replace(has_converged=np.zeros((2, 40), bool))
    found = solutions_of(nothing, scaling)
    assert found.x.shape == (0, 2)
    assert found.num_solutions.tolist() == [0, 0]
    assert found.share_not_converged.tolist() == [1, 1]
    assert found.coverage(np.ones((2, 5, 2))).tolist() == [0, 0]
    assert "found 0 distinct solutions for each of 2 observations" in str(found)


def test_a_wrong_question_about_coverage_is_refused(scattered, scaling):
    found = solutions_of(scattered, scaling)
    with pytest.raises(ShapeError, match=r"\(2, draws, 2\); got \(3, 5, 2\)"):
        found.coverage(np.ones((3, 5, 2)))
    with pytest.raises(ShapeError, match=r"got \(5, 2\)"):
        found.coverage(np.ones((5, 2)))
    with pytest.raises(ConfigurationError, match="`distance` must be positive"):
        found.coverage(np.ones((2, 5, 2)), distance=0.0)
    with pytest.raises(OutOfBoundsError):
        found.coverage(-np.ones((2, 5, 2)))
