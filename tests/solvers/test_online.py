"""Training on fresh simulations, on a problem whose posterior is known.

y = s A x + noise with a random sign s: linear-Gaussian but for the sign, so that the posterior is
a pair of Gaussians, (N(m(y), C) + N(-m(y), C)) / 2. A linear regression of x on y finds nothing.
"""

import os
import signal
import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest

import retrodict
from retrodict.distributions import AbstractDistribution, Uniform
from retrodict.errors import (
    CapabilityError,
    CheckpointMismatchError,
    ConfigurationError,
    DivergedSimulationsWarning,
    SimulationError,
    TrainingError,
)
from retrodict.flows import SplineCoupling
from retrodict.problems import LinearGaussian, SimulatorProblem
from retrodict.problems.base import AbstractJaxProblem
from retrodict.solvers import ConditionalFlow, online
from retrodict.solvers.online import Length, ScaledSimulation
from retrodict.solvers.point_masses import PointMasses, spread_one
from retrodict.solvers.scaling import fit_scaling
from retrodict.training import Outcome, SilentProgress
from retrodict.variables import Variable

NAMES = (Variable("a"), Variable("b")), (Variable("c"), Variable("d"))
LINEAR = LinearGaussian([[1.0, 0.5], [0.0, 1.0]], 0.7, parameters=NAMES[0], observables=NAMES[1])
FLOW = SplineCoupling(num_layers=2, width=16, depth=1, num_bins=4)
STEPS = 500


class RandomSign(AbstractJaxProblem):
    """Seen through a random sign; no outcome where x1 is above `limit`."""

    name: str = eqx.field(default="random-sign", static=True)
    description: str = eqx.field(default="Linear-Gaussian but for a sign.", static=True)
    parameters: tuple[Variable, ...] = eqx.field(default=NAMES[0], static=True)
    observables: tuple[Variable, ...] = eqx.field(default=NAMES[1], static=True)
    prior: AbstractDistribution = LINEAR.prior
    limit: float | jax.Array = np.inf

    def simulate(self, key, x):
        key_sign, key_y = jax.random.split(key)
        y = jax.random.rademacher(key_sign, (), x.dtype) * LINEAR.simulate(key_y, x)
        return jnp.where(x[0] > self.limit, jnp.nan, y)


PROBLEM = RandomSign(limit=jnp.asarray(np.inf))


def exact_log_prob(x, y):
    mean = y @ np.asarray(LINEAR.gain, float).T
    precision = np.linalg.inv(np.asarray(LINEAR.posterior_covariance, float))

    def of_one(difference):
        return -0.5 * np.einsum("ni,ij,nj->n", difference, precision, difference)

    log_norm = 0.5 * np.linalg.slogdet(precision / (2 * np.pi))[1]
    return np.logaddexp(of_one(x - mean), of_one(x + mean)) - np.log(2) + log_norm


def solver(**settings):
    # Whatever the defaults are.
    chosen = {"num_members": 1, "batch_size": 128, "learning_rate": 1e-2} | settings
    return ConditionalFlow(FLOW, **chosen)


@pytest.fixture(scope="module", autouse=True)
def _small_pilot():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(online, "NUM_PILOT", 1000)
        patch.setattr(online, "NUM_HELD_OUT", 500)
        yield


@pytest.fixture(scope="module")
def fitted():
    return solver().fit_problem(PROBLEM, online=True, max_steps=STEPS)


@pytest.fixture(scope="module")
def pairs():
    x, y = PROBLEM.simulations(jax.random.key(99), 4000)
    return x.astype(float), y.astype(float)


def log_prob(estimator, x, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.retrodict(y).log_prob(x)


def test_it_comes_close_to_the_exact_posterior(fitted, pairs):
    lost = exact_log_prob(*pairs) - log_prob(fitted, *pairs)
    error = lost.std() / np.sqrt(len(lost))
    assert -3 * error < lost.mean() < 0.15
    # A Gaussian that ignores the sign, where training starts, loses much more.
    start = fitted.history_["validation_loss"].iloc[0] + exact_log_prob(*pairs).mean()
    assert start > 0.3


def test_stored_simulations_seen_again_and_again_are_no_better(fitted, pairs):
    few = solver(max_epochs=60, weight_decay=0.0).fit_problem(PROBLEM, num_simulations=1000)
    gain = log_prob(fitted, *pairs) - log_prob(few, *pairs)
    assert gain.mean() > -3 * gain.std() / np.sqrt(len(gain))


def test_the_history_is_in_the_units_of_x(fitted, pairs):
    last = fitted.history_.iloc[-1]
    found = -log_prob(fitted, *pairs)
    best = fitted.history_["validation_loss"].min()
    assert best == pytest.approx(found.mean(), abs=4 * found.std() / np.sqrt(500))
    assert last["training_loss"] == pytest.approx(found.mean(), abs=0.1)
    assert last["learning_rate"] == pytest.approx(1e-4)


def test_the_same_number_of_steps_gives_the_same_posterior(fitted, pairs):
    again = solver().fit_problem(PROBLEM, online=True, num_simulations=STEPS * 128 + 5)
    assert_array_equal(log_prob(again, *pairs), log_prob(fitted, *pairs))
    other = solver(random_state=1).fit_problem(PROBLEM, online=True, max_steps=3)
    assert fitted.num_rows_ == 1500 + STEPS * 128
    assert other.num_rows_ == 1500 + 3 * 128
    assert fitted.outcome_ is Outcome.EXHAUSTED
    assert fitted.num_diverged_ == 0


def test_it_is_saved_and_loaded(fitted, pairs, tmp_path):
    retrodict.save(fitted, tmp_path / "model")
    loaded = retrodict.load(tmp_path / "model")
    assert_array_equal(log_prob(loaded, *pairs), log_prob(fitted, *pairs))
    assert loaded.num_rows_ == fitted.num_rows_


def test_ctrl_c_keeps_the_best_model_and_a_checkpoint_goes_on_bit_for_bit(fitted, pairs, tmp_path):
    class Impatient(SilentProgress):
        num_updates = 0

        def update(self, record, time_left_seconds, fraction):
            self.num_updates += 1
            if self.num_updates == 4:
                os.kill(os.getpid(), signal.SIGINT)

    checkpoint = tmp_path / "checkpoint"
    part = solver().fit_problem(
        PROBLEM, online=True, max_steps=STEPS, checkpoint=checkpoint, progress=Impatient()
    )
    assert part.outcome_ is Outcome.INTERRUPTED
    assert part.num_rows_ < fitted.num_rows_
    assert np.isfinite(log_prob(part, *pairs)).all()
    with pytest.raises(CheckpointMismatchError):
        solver(random_state=1).fit_problem(
            PROBLEM, online=True, max_steps=STEPS, checkpoint=checkpoint
        )
    whole = solver().fit_problem(PROBLEM, online=True, max_steps=STEPS, checkpoint=checkpoint)
    assert whole.num_rows_ == fitted.num_rows_
    assert_array_equal(log_prob(whole, *pairs), log_prob(fitted, *pairs))


def test_simulations_that_diverge_are_left_out_counted_and_told(pairs):
    limit = 1.6
    problem = RandomSign(limit=jnp.asarray(limit))
    share = 0.0548  # of a normal above 1.6
    with pytest.warns(DivergedSimulationsWarning) as told:
        estimator = solver().fit_problem(problem, online=True, max_steps=STEPS)
    assert {warning.filename for warning in told} == {__file__}
    in_pilot, in_training = (str(warning.message) for warning in told)
    assert "of 1,500 simulations" in in_pilot
    assert f"of {STEPS * 128:,} simulations of `random-sign` during training" in in_training
    simulated = 1500 + STEPS * 128
    assert estimator.num_diverged_ == pytest.approx(
        share * simulated, abs=4 * np.sqrt(share * simulated)
    )
    assert estimator.num_rows_ == simulated - estimator.num_diverged_
    assert estimator.history_["num_skipped"].sum() == 0
    # What is learned is the posterior of the causes that have an outcome: cut off at the limit.
    draws = estimator.retrodict(np.array([0.0, 0.0])).sample(4000)
    assert (draws[:, 0] > limit + 0.3).mean() < 0.01


def test_too_many_that_diverge_are_refused():
    problem = RandomSign(limit=jnp.asarray(0.5))
    with pytest.raises(SimulationError, match="NaN or infinity"):
        solver().fit_problem(problem, online=True, max_steps=STEPS)


@pytest.mark.parametrize(
    ("settings", "limits", "said"),
    [
        ({}, {}, "got none"),
        ({}, {"max_steps": 5, "max_seconds": 5.0}, "got max_steps and max_seconds"),
        ({"max_epochs": 2}, {"num_simulations": 500}, "got num_simulations and max_epochs"),
        ({"max_seconds": 3.0}, {"max_steps": 5}, "got max_steps and max_seconds"),
        ({}, {"num_simulations": 100}, "not enough for one"),
        ({}, {"max_steps": 0}, "max_steps"),
        ({}, {"max_seconds": -1.0}, "max_seconds"),
    ],
)
def test_there_has_to_be_exactly_one_limit(settings, limits, said):
    with pytest.raises(ConfigurationError, match=said):
        solver(**settings).fit_problem(PROBLEM, online=True, **limits)


def test_limits_of_online_training_are_refused_without_it():
    with pytest.raises(ConfigurationError, match="online=True"):
        solver().fit_problem(PROBLEM, max_seconds=5.0)


def test_epochs_are_of_500_steps_and_time_anneals():
    config = online.training_online(solver())
    assert Length(max_epochs=3).of(config, 0.0).max_steps == 1500
    timed = Length(max_seconds=60.0).of(config, 13.0)
    assert timed.max_seconds == 47.0
    assert timed.anneal_by_time
    assert config.weight_decay == 0
    assert online.training_online(solver(weight_decay=0.1)).weight_decay == 0.1


def test_a_time_too_short_to_learn_anything_is_told():
    with pytest.raises(TrainingError, match="0 steps"):
        solver().fit_problem(PROBLEM, online=True, max_seconds=1e-3)


def test_a_numpy_simulator_is_refused_with_what_to_do():
    problem = SimulatorProblem(lambda x: x, prior=Uniform(np.zeros(1), np.ones(1)), observables=1)
    with pytest.raises(CapabilityError, match="SimulatorProblem") as refused:
        solver().fit_problem(problem, online=True, max_steps=5)
    assert "AbstractJaxProblem" in refused.value.hint


class Bounded(AbstractJaxProblem):
    """Half a normal, exactly zero as often as not, and a uniform; effects over decades."""

    name: str = eqx.field(default="bounded", static=True)
    description: str = eqx.field(default="", static=True)
    parameters: tuple[Variable, ...] = eqx.field(
        default=(Variable("slag", lower=0.0), Variable("angle", lower=0.1, upper=0.7)), static=True
    )
    observables: tuple[Variable, ...] = eqx.field(default=NAMES[1], static=True)
    prior: AbstractDistribution = eqx.field(
        default_factory=lambda: Uniform(np.array([-1.0, 0.1]), np.array([1.0, 0.7]))
    )

    def simulation(self, key):
        x, y = super().simulation(key)
        return x.at[0].set(jnp.maximum(x[0], 0)), y

    def simulate(self, key, x):
        return jnp.exp(3 * jax.random.normal(key, (2,)) + x)


def test_simulations_are_scaled_as_stored_ones_are(key):
    problem = Bounded()
    x, y = (rows.astype(float) for rows in problem.simulations(key, 2000))
    scaling, _ = fit_scaling(x, y, problem.parameters, np.random.default_rng(0))
    assert scaling.point_masses.any
    simulation = ScaledSimulation.of(problem, scaling)
    keys = jax.random.split(jax.random.key(7), 200)
    u, c = jax.jit(lambda keys: jax.vmap(simulation)(keys))(keys)
    # The inverse, in double precision, gives back what was simulated; c is that of y.
    again = [jax.random.split(key)[0] for key in keys]
    x, y = (rows.astype(float) for rows in jax.vmap(problem.simulation)(jnp.stack(again)))
    assert (np.asarray(x)[:, 0] == 0).mean() > 0.3
    assert_allclose(scaling.inverse(np.asarray(u), np.asarray(c)), x, rtol=1e-4, atol=1e-5)
    assert_allclose(scaling.condition(np.asarray(y, float)), c, rtol=1e-4, atol=1e-5)
    # The point mass fills its strip evenly.
    spread = np.asarray(jax.vmap(simulation.of_x.inverse)(u, c))[:, 0]
    depth = -spread[np.asarray(x)[:, 0] == 0] / scaling.point_masses.lower_width[0]
    assert kstest(depth, "uniform").pvalue > 0.01


def test_a_point_mass_is_spread_as_in_numpy(rng):
    masses = PointMasses(
        (0.0, -np.inf), (1.0, 2.0), (0.5, 0.0), (0.0, 0.3), (0.01, 0.0), (0.0, 0.02)
    )
    x = np.array([[0.0, 2.0], [0.005, 1.99], [0.02, 1.9], [1.0, -7.0]])
    depth = rng.uniform(size=x.shape)
    found = jax.vmap(lambda x, depth: spread_one(masses, x, depth))(
        jnp.asarray(x, float), jnp.asarray(depth, float)
    )
    assert_allclose(found, masses._moved(x, depth), rtol=1e-6)


@pytest.mark.parametrize(
    ("offset", "fits"), [(0.0, True), (1e3, True), (1e5, False)], ids=["small", "large", "huge"]
)
def test_columns_that_single_precision_cannot_hold_are_refused(offset, fits, key):
    problem = LinearGaussian(
        [[1.0, 0.5], [0.0, 1.0]],
        0.7,
        prior_mean=[offset, 0.0],
        parameters=NAMES[0],
        observables=NAMES[1],
    )
    x, y = (rows.astype(float) for rows in problem.simulations(key, 1000))
    scaling, _ = fit_scaling(x, y, problem.parameters, np.random.default_rng(0))
    simulation = ScaledSimulation.of(problem, scaling)
    if fits:
        simulation.require_precision(scaling, x, y)
        return
    with pytest.raises(CapabilityError, match="single precision") as refused:
        simulation.require_precision(scaling, x, y)
    assert "reference value" in refused.value.hint


def test_devices_share_batches_and_not_flows_where_batches_are_simulated(monkeypatch):
    """A device that has its own flows would simulate the whole batch for them."""
    if len(jax.local_devices()) < 2:
        pytest.skip("needs two devices")
    told = []

    def heard(*args, mesh, **settings):
        told.append(mesh)
        raise KeyboardInterrupt

    monkeypatch.setattr(online, "train_online", heard)
    flows = ConditionalFlow(FLOW, num_members=len(jax.local_devices()), batch_size=512)
    with pytest.raises(KeyboardInterrupt):
        flows.fit_problem(PROBLEM, online=True, max_steps=3)
    assert told[0].axis_names == ("batch",)
    assert flows._mesh(flows._chosen_training(1000)).axis_names == ("members",)
