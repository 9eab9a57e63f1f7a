"""Rejection ABC against priors and posteriors that are known exactly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from small_problem import OBSERVABLES, PARAMETERS, pairs

import retrodict
from retrodict.errors import CapabilityError, ConfigurationError, OutsideTrainingRangeWarning
from retrodict.problems import LinearGaussian
from retrodict.solvers import RejectionABC
from retrodict.solvers.accepted import Accepted, AcceptedDraws
from retrodict.variables import Variable

LINEAR = LinearGaussian([[1.0, 0.5], [0.0, 2.0]], [0.5, 1.0], prior_mean=[1.0, -2.0])


def conjugate(num, seed=0):
    """x ~ N(0, 1), y ~ N(x, 1), whose posterior is N(y / 2, 1 / 2)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(num, 1))
    return x, x + rng.normal(size=(num, 1))


@pytest.fixture(scope="module")
def many():
    return conjugate(20_000)


@pytest.fixture(scope="module")
def linear():
    return RejectionABC(acceptance=1.0).fit_problem(LINEAR, num_simulations=20_000)


@pytest.mark.parametrize("adjustment", ["none", "linear"])
def test_observations_that_tell_nothing_give_the_prior(adjustment):
    rng = np.random.default_rng(1)
    x, y = rng.gamma(3.0, size=(20_000, 1)), rng.normal(size=(20_000, 2))
    solver = RejectionABC(num_accepted=2000, adjustment=adjustment).fit(x, y)
    draws = solver.retrodict([1.0, -0.5]).sample(500)
    assert stats.kstest(draws[:, 0], stats.gamma(3.0).cdf).pvalue > 0.01


@pytest.mark.parametrize("acceptance", [0.5, 0.1, 0.02])
def test_draws_are_those_of_the_posterior_given_a_ball_around_the_observation(acceptance, many):
    x, y = many
    solver = RejectionABC(acceptance=acceptance, adjustment="none").fit(x, y)
    draws = solver.retrodict([1.5]).sample(solver.num_accepted_)
    # y' is normal, cut off at the radius, and x given y' is N(y' / 2, 1 / 2).
    ends = (1.5 + np.array([-1, 1]) * solver.radius([1.5]) * y.std()) / np.sqrt(2)
    within = stats.truncnorm(*ends, scale=np.sqrt(2))
    variance = 0.5 + within.var() / 4
    num = solver.num_accepted_
    assert abs(draws.mean() - within.mean() / 2) < 4 * np.sqrt(variance / num)
    assert abs(draws.var() - variance) < 4 * variance * np.sqrt(2 / num)


def test_a_small_radius_gives_the_posterior(many):
    draws = RejectionABC(num_accepted=500, adjustment="none").fit(*many).retrodict([1.5])
    assert stats.kstest(draws.sample(500)[:, 0], stats.norm(0.75, np.sqrt(0.5)).cdf).pvalue > 0.01


def test_the_linear_adjustment_solves_a_linear_gaussian_problem_at_any_radius(linear):
    y = np.array([[2.0, -6.0], [0.0, -1.0]])
    posterior = linear.retrodict(y)
    draws, num = posterior.sample(20_000), 20_000
    weights = posterior._sampler.weights
    # Draws are resampled from the weighted table: both kinds of noise add.
    variance_share = (weights**2).sum(axis=1) / weights.sum(axis=1) ** 2 + 1 / num
    for i in range(2):
        exact = np.asarray(LINEAR.posterior_covariance)
        error = draws[i].mean(axis=0) - np.asarray(
            LINEAR.posterior_mean(jnp.asarray(y[i], jnp.float32))
        )
        standard_error = np.sqrt(np.diag(exact) * variance_share[i])
        assert (np.abs(error) < 4 * standard_error).all()
        relative = np.cov(draws[i].T) / exact - 1
        correlation = exact[0, 1] / np.sqrt(exact[0, 0] * exact[1, 1])
        of_covariance = np.sqrt((1 + correlation**-2) * variance_share[i])
        assert (
            np.abs(relative) < 4 * np.maximum(np.sqrt(2 * variance_share[i]), of_covariance)
        ).all()


def test_without_adjustment_it_is_too_wide():
    plain = RejectionABC(acceptance=0.3, adjustment="none")
    plain.fit_problem(LINEAR, num_simulations=20_000)
    draws = plain.retrodict([2.0, -6.0]).sample(1500)
    exact = np.sqrt(np.diag(np.asarray(LINEAR.posterior_covariance)))
    assert (draws.std(axis=0) > 1.2 * exact).all()


def test_the_first_draws_are_the_accepted_simulations_each_once():
    x, y = pairs(300)
    solver = RejectionABC(num_accepted=40, adjustment="none").fit(x, y)
    draws = solver.retrodict([3.0]).sample(60)
    transformed = solver.retrodict(y)._sampler  # every row of the table is its own nearest
    assert (transformed.x[:, 0] == x).all()
    nearest = x[np.argsort(np.abs(_scaled(solver, y) - _scaled(solver, [[3.0]]))[:, 0])[:40]]
    assert np.array_equal(np.sort(draws[:40], axis=0), np.sort(nearest, axis=0))
    assert {tuple(row) for row in draws[40:]} <= {tuple(row) for row in nearest}


def _scaled(solver, y):
    return solver._scaling.condition(np.asarray(y))


@pytest.mark.parametrize("adjustment", ["none", "linear"])
def test_a_batch_is_a_loop(adjustment):
    solver = RejectionABC(num_accepted=50, adjustment=adjustment).fit(*pairs(300))
    y = pairs(7, seed=5)[1]
    together = solver.retrodict(y)._sampler
    for i, row in enumerate(y):
        alone = solver.retrodict(row)._sampler
        np.testing.assert_allclose(together.x[i], alone.x[0], rtol=1e-9)
        np.testing.assert_allclose(solver.radius(y)[i], solver.radius(row), rtol=1e-9)
    assert solver.radius(y[0]).shape == ()


def test_large_batches_are_adjusted_in_blocks(monkeypatch):
    solver = RejectionABC(num_accepted=50).fit(*pairs(300))
    y = pairs(7, seed=5)[1]
    whole = solver.retrodict(y).sample(10)
    monkeypatch.setattr("retrodict.solvers.accepted._NUMBERS_AT_ONCE", 400)
    np.testing.assert_allclose(solver.retrodict(y).sample(10), whole, rtol=1e-9)


@pytest.mark.parametrize("adjustment", ["none", "linear"])
def test_draw_i_does_not_depend_on_how_many_are_asked_for(adjustment):
    solver = RejectionABC(num_accepted=30, adjustment=adjustment).fit(*pairs(300))
    posterior = solver.retrodict([[2.0], [3.0]])
    assert np.array_equal(posterior.sample(10), posterior.sample(100)[:, :10])
    assert not np.array_equal(posterior.sample(10), posterior.sample(10, random_state=1))


def test_adjusted_draws_stay_within_the_bounds():
    x, y = pairs(300)
    solver = RejectionABC(acceptance=1.0).fit(x, y, parameters=PARAMETERS, observables=OBSERVABLES)
    draws = solver.retrodict([[y.min()], [y.max()]]).sample(1000)
    assert (draws > 0).all()
    assert (draws[..., 0] < 2).all()


def test_a_constant_observable_is_no_obstacle():
    class Constant(LinearGaussian):
        def simulations(self, key, num):
            x, y = super().simulations(key, num)
            return x, np.column_stack([y[:, 0], np.full(num, 3.0)])

    problem = Constant([[1.0], [1.0]], 0.1)
    draws = RejectionABC().fit_problem(problem, num_simulations=20_000).retrodict([0.5, 3.0])
    assert abs(draws.sample(500).mean() - 0.5 / 1.01) < 0.05


def test_equal_observations_weigh_the_same():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, size=(20_000, 1)).astype(float)
    x = y + rng.normal(size=(20_000, 1))
    solver = RejectionABC(num_accepted=500).fit(x, y)
    draws = solver.retrodict([1.0]).sample(500)
    assert solver.radius([1.0]) == 0
    assert abs(draws.mean() - 1) < 4 * np.sqrt(2 / 500)


def test_the_default_accepts_more_of_more():
    for num, accepted in ((200, 42), (20_000, 424)):
        assert RejectionABC().fit(*conjugate(num)).num_accepted_ == accepted
    assert RejectionABC(acceptance=0.025).fit(*conjugate(200)).num_accepted_ == 5


@pytest.mark.parametrize("adjustment", ["none", "linear"])
def test_a_saved_table_gives_the_same_draws(tmp_path, adjustment):
    rng = np.random.default_rng(0)
    x, y = pairs(300)
    x[rng.random(300) < 0.2, 1] = 0.0
    settings = {"num_accepted": 40, "adjustment": adjustment, "random_state": 4}
    solver = RejectionABC(**settings).fit(x, y, parameters=PARAMETERS, observables=OBSERVABLES)
    retrodict.save(solver, tmp_path / "model")
    loaded = retrodict.load(tmp_path / "model")
    assert loaded.get_params() == solver.get_params()
    assert loaded.parameters_ == PARAMETERS
    observed = [[3.0], [5.0]]
    draws = solver.retrodict(observed).sample(50)
    assert np.array_equal(loaded.retrodict(observed).sample(50), draws)
    assert (draws[..., 1] == 0).any()


def test_it_has_no_density_and_says_so():
    posterior = RejectionABC().fit(*conjugate(200)).retrodict([0.0])
    with pytest.raises(CapabilityError, match="AcceptedDraws gives draws only"):
        posterior.log_prob([0.0])
    with pytest.raises(CapabilityError):
        posterior.mode()


def test_an_observation_unlike_all_simulations_is_warned_about():
    solver = RejectionABC().fit(*conjugate(200))
    with pytest.warns(OutsideTrainingRangeWarning):
        solver.retrodict([50.0])


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"acceptance": 0.1, "num_accepted": 5}, "got both"),
        ({"acceptance": 0.0}, "must lie in"),
        ({"num_accepted": 0}, "at least 1"),
        ({"num_accepted": 201}, "200 simulations only"),
        ({"num_accepted": 2}, "needs at least 3"),
        ({"adjustment": "quadratic"}, "Unknown adjustment"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        RejectionABC(**settings).fit(*conjugate(200))


def test_names_and_units_are_kept():
    parameters = [Variable("speed", "m/s")]
    solver = RejectionABC().fit(*conjugate(200), parameters=parameters)
    assert list(solver.retrodict([0.0]).summary().index) == ["speed"]


def test_weighted_draws_come_as_often_as_their_weights_say():
    x = np.array([[[0.0], [1.0], [2.0]], [[3.0], [4.0], [5.0]]])
    weights = np.array([[0.0, 1.0, 3.0], [2.0, 0.0, 0.0]])
    draws = AcceptedDraws(x, weights).sample(jax.random.key(0), 4000)
    assert set(draws[0, :, 0]) == {1.0, 2.0}
    assert abs((draws[0] == 2.0).mean() - 0.75) < 4 * np.sqrt(0.75 * 0.25 / 4000)
    assert (draws[1] == 3.0).all()


def test_a_farther_simulation_weighs_less():
    accepted = Accepted(np.array([[4, 7, 9]]), np.array([[0.0, 0.5, 1.0]]))
    np.testing.assert_allclose(accepted.weights, [[1.0, 0.75, 0.0]])
