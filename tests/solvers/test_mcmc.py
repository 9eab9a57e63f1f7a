"""NUTS against posteriors that are known exactly, and what it says when it cannot be trusted."""

import contextlib
import sys
import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from blackjax.mcmc.integrators import IntegratorState
from scipy import stats

from retrodict.distributions import Uniform
from retrodict.errors import (
    CapabilityError,
    ConfigurationError,
    DataError,
    NonFiniteError,
    NotFittedError,
    UnreliableChainsWarning,
)
from retrodict.problems import AbstractLikelihoodProblem, InverseKinematics, LinearGaussian
from retrodict.solvers import MCMC
from retrodict.solvers.chains import diagnose
from retrodict.typing import Array, Float
from retrodict.variables import Variable

SHORT = {"num_chains": 4, "num_warmup": 200, "num_steps": 250}
LINEAR = LinearGaussian(
    [[1.0, 0.5], [0.0, 2.0]],
    [0.5, 1.0],
    prior_mean=[1.0, -2.0],
    prior_covariance=[[2, 0.5], [0.5, 1]],
)
OBSERVED = np.array([[2.0, -6.0], [0.0, -1.0]])


class Quadratic(AbstractLikelihoodProblem):
    """y = a x + b x^2 + noise, x ~ U(-1, 1): one mode for b = 0, two for a = 0.

    For y > 0 the likelihood is NaN above `nan_above` and zero below `impossible_below`;
    simulated y are never positive. Settings are arrays, so that one program serves all.
    """

    name: str = eqx.field(static=True)
    description: str = eqx.field(static=True)
    parameters: tuple[Variable, ...] = eqx.field(static=True)
    observables: tuple[Variable, ...] = eqx.field(static=True)
    prior: Uniform
    settings: Float[Array, "5"]

    def __init__(self, a=1.0, b=0.0, sd=0.4, nan_above=2.0, impossible_below=-2.0):
        self.name, self.description = "quadratic", "A parabola with noise."
        self.parameters = (Variable("x", lower=-1.0, upper=1.0),)
        self.observables = (Variable("y"),)
        self.prior = Uniform(-np.ones(1), np.ones(1))
        self.settings = jnp.asarray([a, b, sd, nan_above, impossible_below])

    def simulate(self, key, x):
        a, b, sd, _, _ = self.settings
        return -jnp.abs(a * x + b * x**2 + sd * jax.random.normal(key, x.shape, x.dtype))

    def log_likelihood(self, x, y):
        a, b, sd, nan_above, impossible_below = self.settings
        z = (y - a * x - b * x**2) / sd
        log_density = -0.5 * (z * z).sum()
        log_density = jnp.where((x[0] > nan_above) & (y[0] > 0), jnp.nan, log_density)
        return jnp.where((x[0] < impossible_below) & (y[0] > 0), -jnp.inf, log_density)


@contextlib.contextmanager
def quiet_chains():
    """Chains as short as these may well exceed an R-hat of 1.01 by chance."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnreliableChainsWarning)
        yield


def posterior_of(problem, y, **settings):
    solver = MCMC(**(SHORT | settings)).fit_problem(problem, num_simulations=100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # outside the training range, which is small here
        return solver.retrodict(y)


@pytest.fixture(scope="module")
def linear():
    posterior = posterior_of(LINEAR, OBSERVED)
    with quiet_chains():
        posterior.sample(1)
    return posterior


def test_mean_and_covariance_of_a_linear_gaussian_problem(linear):
    draws = linear.sample(1000)
    ess = linear.summary(1000)["ess"].unstack("observation").to_numpy().T
    covariance = np.asarray(LINEAR.posterior_covariance)
    assert (ess > 150).all()
    for i, y in enumerate(OBSERVED):
        mean = np.asarray(LINEAR.posterior_mean(jnp.asarray(y, jnp.float32)))
        error = draws[i].mean(axis=0) - mean
        assert (np.abs(error) < 4 * np.sqrt(np.diag(covariance) / ess[i])).all()
        # Of squares the effective number may be smaller: five deviations.
        variances = np.outer(np.diag(covariance), np.diag(covariance))
        standard_error = np.sqrt((covariance**2 + variances) / ess[i].min())
        assert (np.abs(np.cov(draws[i].T) - covariance) < 5 * standard_error).all()


def test_a_bounded_parameter_stays_within_its_bounds():
    y = 1.3
    with quiet_chains():
        draws = posterior_of(Quadratic(), [y]).sample(1000)[:, 0]
    exact = stats.truncnorm((-1 - y) / 0.4, (1 - y) / 0.4, loc=y, scale=0.4)
    assert ((draws > -1) & (draws < 1)).all()
    # At least 150 of the draws are effective here.
    assert abs(draws.mean() - exact.mean()) < 4 * exact.std() / np.sqrt(150)
    assert abs(draws.std() / exact.std() - 1) < 4 / np.sqrt(150)


def test_chains_in_different_modes_are_warned_about_and_seen_in_the_summary():
    posterior = posterior_of(Quadratic(a=0.0, b=1.0, sd=0.01), [0.5])
    with pytest.warns(UnreliableChainsWarning, match="do not agree about x"):
        draws = posterior.sample(100)
    assert set(np.sign(draws[:, 0])) == {-1, 1}
    np.testing.assert_allclose(np.abs(draws), np.sqrt(0.5), atol=0.05)
    assert posterior.summary(100).loc["x", "r_hat"] > 1.5
    assert posterior.summary(100).loc["x", "ess"] < 50


def test_agreeing_chains_are_not_warned_about():
    posterior = posterior_of(LINEAR, OBSERVED)
    posterior.sample(8000)  # warnings are errors
    assert (posterior.summary(10)["r_hat"] <= 1.01).all()


def test_the_summary_has_ess_and_r_hat(linear):
    summary = linear.summary(100)
    assert {"ess", "ess_tail", "r_hat"} <= set(summary.columns)
    assert summary.index.names == ["observation", "parameter"]
    assert (summary["r_hat"] < 1.1).all()


def test_chains_run_once_and_go_on_when_more_draws_are_asked_for(linear, monkeypatch):
    first = linear.sample(1000)
    calls = []
    chains = linear._sampler
    go_on = type(chains)._go_on

    def counted(self, run, key, y):
        calls.append(len(run.x))
        go_on(self, run, key, y)

    monkeypatch.setattr(type(chains), "_go_on", counted)
    assert np.array_equal(linear.sample(500), first[:, :500])
    linear.summary(1000)
    assert calls == []
    with quiet_chains():
        more = linear.sample(1200)
    assert calls == [1]
    assert np.array_equal(more[:, :1000], first)
    assert len(np.unique(more[0], axis=0)) > 1100


def test_the_seed_decides(linear):
    again = posterior_of(LINEAR, OBSERVED)
    with quiet_chains():
        assert np.array_equal(again.sample(50), linear.sample(50))
        assert not np.array_equal(again.sample(50, random_state=1), linear.sample(50))


def test_draws_do_not_depend_on_the_simulations_that_tell_the_range(linear):
    solver = MCMC(**SHORT).fit_problem(LINEAR, num_simulations=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.array_equal(solver.retrodict(OBSERVED).sample(20), linear.sample(20))


def test_diagnostics_are_those_of_arviz(linear):
    import arviz

    run = next(iter(linear._sampler._runs.values()))
    draws = run.x[0][0, :, :, 1]
    r_hat, ess, ess_tail = (column[0, 1] for column in diagnose(run.x[0]))
    np.testing.assert_allclose(r_hat, arviz.rhat(draws), rtol=1e-3)
    np.testing.assert_allclose(ess, arviz.ess(draws, method="bulk"), rtol=0.05)
    np.testing.assert_allclose(ess_tail, arviz.ess(draws, method="tail"), rtol=0.05)


def test_pairs_have_no_likelihood():
    with pytest.raises(CapabilityError, match="needs a likelihood"):
        MCMC().fit(np.zeros((100, 1)), np.zeros((100, 1)))


def test_a_problem_without_likelihood_is_refused():
    solver = MCMC()
    with pytest.raises(CapabilityError, match="'inverse-kinematics' does not have"):
        solver.fit_problem(InverseKinematics())
    with pytest.raises(NotFittedError):
        solver.retrodict([0.0, 0.0])


def test_noise_free_observations_have_no_likelihood_either():
    with pytest.raises(CapabilityError, match="needs noise"):
        MCMC().fit_problem(LinearGaussian([[1.0]], 0.0), num_simulations=100)


def test_a_likelihood_that_is_nan_is_refused_at_the_simulations():
    class Broken(Quadratic):
        def log_likelihood(self, x, y):
            return jnp.where(x[0] > 0.5, jnp.nan, 0.0)

    with pytest.raises(NonFiniteError, match="of 100 simulated pairs"):
        MCMC(**SHORT).fit_problem(Broken(), num_simulations=100)


def test_a_likelihood_that_is_nan_at_an_observation_is_refused():
    # Simulated y are never positive.
    posterior = posterior_of(Quadratic(nan_above=0.5), [0.2])
    with pytest.raises(NonFiniteError, match="for 1 of 1 observations"):
        posterior.sample(10)


def test_not_a_number_is_a_mistake_only_where_the_prior_lies():
    """Far out it may be an overflow. Without bounds, the real line is that of x."""
    target = MCMC().fit_problem(LINEAR, num_simulations=100)._target
    x, _ = LINEAR.simulations(jax.random.key(0), 100)
    with jax.enable_x64(True):
        nowhere = jnp.full((), jnp.nan), jnp.zeros(2)
        is_broken = [
            bool(target.is_broken(IntegratorState(jnp.asarray(z, float), jnp.zeros(2), *nowhere)))
            for z in (x.min(axis=0), x.max(axis=0), x.min(axis=0) - 1e-3, x.max(axis=0) + 1e-3)
        ]
    assert is_broken == [True, True, False, False]


def test_chains_start_where_the_likelihood_is_not_zero():
    posterior = posterior_of(Quadratic(impossible_below=0.5), [0.2])
    with quiet_chains():
        assert (posterior.sample(100) >= 0.5).all()


def test_an_impossible_observation_is_refused():
    posterior = posterior_of(Quadratic(impossible_below=2.0), [0.2])
    with pytest.raises(DataError, match="1 of 1 observations have a likelihood of zero"):
        posterior.sample(10)


def test_there_is_no_normalised_density(linear):
    with pytest.raises(CapabilityError, match="gives draws only"):
        linear.log_prob(OBSERVED)


def test_without_blackjax_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "blackjax", None)
    with pytest.raises(CapabilityError, match=r"retrodict\[mcmc\]"):
        MCMC().fit_problem(LINEAR)


@pytest.mark.parametrize(
    "settings",
    [{"num_chains": 1}, {"num_warmup": 0}, {"num_steps": 3}, {"target_acceptance": 1.0}],
    ids=str,
)
def test_settings_that_cannot_work_are_refused(settings):
    with pytest.raises(ConfigurationError):
        MCMC(**settings).fit_problem(LINEAR)
