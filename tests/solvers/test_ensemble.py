"""Several networks of one kind as one posterior."""

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.special import logsumexp
from sklearn.base import clone
from two_branches import two_branches

import retrodict
from retrodict.diagnostics import calibration_error
from retrodict.errors import (
    CapabilityError,
    ConfigurationError,
    MisspecificationWarning,
    NotFittedError,
    TooFewRowsError,
)
from retrodict.solvers import (
    Ensemble,
    MixtureDensityNetwork,
    RejectionABC,
)
from retrodict.solvers.mixed_sampler import MixedSampler
from retrodict.solvers.sampler import AbstractPosteriorSampler
from retrodict.solvers.stacking import cautious_stacking_weights
from retrodict.training import Outcome

TINY = {"width": 16, "depth": 1, "batch_size": 32, "weight_decay": 0.0, "learning_rate": 3e-2}
# One validation row: members stop too late, and are too sure.
MEMBER = MixtureDensityNetwork(
    4, max_epochs=100, validation_fraction=0.005, random_state=11, **TINY
)
NUM_ROWS = 256


@pytest.fixture(scope="module")
def ensemble():
    return Ensemble(MEMBER, 3, held_out_fraction=0.3, random_state=1).fit(*two_branches(120, 1))


@pytest.fixture(scope="module")
def fresh():
    """Rows within the training range."""
    x, y = two_branches(300, 9)
    inside = np.flatnonzero((y[:, 0] > 0.02) & (y[:, 0] < 0.98))[:NUM_ROWS]
    return x[inside], y[inside]


class Normals(AbstractPosteriorSampler):
    """N(mean, sd^2) for each observation and parameter."""

    def __init__(self, mean, sd):
        self.mean, self.sd = mean, sd

    def sample(self, key, num_draws):
        # Draw i is the same however many are asked for.
        rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
        noise = rng.normal(size=(num_draws, *self.mean.shape))
        return self.mean[:, None] + self.sd * np.swapaxes(noise, 0, 1)

    def log_prob(self, x):
        return stats.norm.logpdf(x, self.mean[:, None], self.sd).sum(axis=-1)

    def mode(self, key):
        return self.mean


def test_draws_fall_to_members_by_weight(key):
    means = np.array([-10.0, 0.0, 10.0])
    members = [Normals(np.full((50, 1), mean), 0.5) for mean in means]
    mixed = MixedSampler(members, np.array([0.2, 0.0, 0.8]), 50)
    draws = mixed.sample(key, 400)
    assert draws.shape == (50, 400, 1)
    assert not (np.abs(draws) < 5).any()
    share = (draws < 0).mean()
    assert abs(share - 0.2) < 4 * np.sqrt(0.16 / draws.size)
    assert abs(draws[draws > 0].std() - 0.5) < 0.02
    # Observations choose independently of each other.
    assert (draws[:, :, 0] < 0).mean(axis=0).std() > 0.03
    assert_array_equal(mixed.sample(key, 30), draws[:, :30])


def test_the_density_and_mode_of_a_mixture(key):
    rng = np.random.default_rng(0)
    means, weights = rng.normal(size=(3, 5, 2)), np.array([0.5, 0.3, 0.2])
    mixed = MixedSampler([Normals(mean, 0.3) for mean in means], weights, 5)
    x = rng.normal(size=(5, 7, 2))
    parts = [stats.norm.logpdf(x, mean[:, None], 0.3).sum(axis=-1) for mean in means]
    assert_allclose(mixed.log_prob(x), logsumexp(parts, axis=0, b=weights[:, None, None]))
    best = mixed.mode(key)
    at_best = mixed.log_prob(best[:, None])[:, 0]
    assert (at_best >= mixed.log_prob(np.swapaxes(means, 0, 1)).max(axis=1)).all()
    assert (at_best >= mixed.log_prob(mixed.sample(key, 500)).max(axis=1) - 0.05).all()


def test_a_mixture_of_members_that_are_too_sure_is_less_so(key):
    """Each believes N(m + its error, .6^2) where the truth is N(m, 1)."""
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(1000, 1))
    members = [Normals(0.8 * rng.normal(size=truth.shape), 0.6) for _ in range(5)]
    alone = [calibration_error(member.sample(key, 64), truth).error for member in members]
    mixed = MixedSampler(members, np.full(5, 0.2), 1000)
    assert min(alone) > 0.15
    assert calibration_error(mixed.sample(key, 64), truth).error < 0.3 * min(alone)


def test_the_density_is_the_mixture_of_the_members(ensemble, fresh):
    x, y = fresh
    of_each = [member.retrodict(y).log_prob(x) for member in ensemble.members_]
    expected = logsumexp(of_each, axis=0, b=ensemble.weights_[:, None])
    assert_allclose(ensemble.retrodict(y).log_prob(x), expected, rtol=1e-6)
    assert_allclose(ensemble.weights_.sum(), 1)
    state, arrays = ensemble.to_state()
    weights = np.array([0.3, 0.7, 0.0])
    other = Ensemble.from_state(state, arrays | {"weights": weights})
    expected = logsumexp(of_each, axis=0, b=weights[:, None])
    assert_allclose(other.retrodict(y).log_prob(x), expected, rtol=1e-6)


def test_the_mixture_predicts_fresh_rows_better_than_its_members(ensemble, fresh):
    x, y = fresh
    mixed = ensemble.retrodict(y).log_prob(x)
    for member in ensemble.members_:
        gain = mixed - member.retrodict(y).log_prob(x)
        assert gain.mean() > 2 * gain.std() / np.sqrt(NUM_ROWS)


def region_coverage(posterior, x):
    """How often the region of highest density that claims 90 % holds the truth."""
    of_draws = posterior.log_prob(posterior.sample(32))
    return (posterior.log_prob(x) > np.quantile(of_draws, 0.1, axis=1)).mean()


def test_trained_members_are_too_sure_and_their_mixture_is_less_so(ensemble, fresh):
    x, y = fresh
    alone = [region_coverage(member.retrodict(y), x) for member in ensemble.members_]
    mixed = region_coverage(ensemble.retrodict(y), x)
    assert np.mean(alone) < 0.8
    assert abs(mixed - 0.9) < 0.5 * abs(np.mean(alone) - 0.9)


def test_the_weights_come_from_rows_that_no_member_has_seen(ensemble):
    x, y = two_branches(120, 1)
    order = np.random.default_rng(1).permutation(120)
    held_out = order[:36]
    of_each = np.stack([m.retrodict(y).log_prob(x)[held_out] for m in ensemble.members_], 1)
    assert_allclose(ensemble.log_scores_, of_each.mean(axis=0), rtol=1e-5)
    assert_allclose(ensemble.weights_, cautious_stacking_weights(of_each), atol=1e-6)
    mixed = logsumexp(of_each, axis=1, b=ensemble.weights_).mean()
    assert_allclose(ensemble.log_score_, mixed, rtol=1e-5)
    assert mixed >= logsumexp(of_each, axis=1, b=1 / 3).mean() - 1e-9
    for member in ensemble.members_:
        assert member.num_rows_ == 84
    assert len({member.data_sha256_ for member in ensemble.members_}) == 1
    assert len({member.random_state for member in ensemble.members_}) == 3
    assert ensemble.num_rows_ == 120


def test_members_and_mixture_know_the_same_observations():
    x, y = two_branches(500, 2)
    large = Ensemble(clone(MEMBER).set_params(max_epochs=1), 2).fit(x, y)
    state, arrays = large.to_state()
    assert not [name for name in arrays if name.startswith("member.") and "typical" in name]
    again = Ensemble.from_state(state, arrays)
    for other in (*large.members_, again, *again.members_):
        with pytest.warns(MisspecificationWarning):
            other.retrodict(y[:1] + 100)
        p_values = other.typical_observations_.test(y).p_values
        assert_array_equal(p_values, large.typical_observations_.test(y).p_values)


def test_a_saved_ensemble_answers_the_same(ensemble, fresh, tmp_path):
    retrodict.save(ensemble, tmp_path / "model")
    loaded = retrodict.load(tmp_path / "model")
    x, y = fresh
    assert_array_equal(loaded.retrodict(y[:4]).sample(20), ensemble.retrodict(y[:4]).sample(20))
    assert_array_equal(loaded.retrodict(y).log_prob(x), ensemble.retrodict(y).log_prob(x))
    assert_array_equal(loaded.log_scores_, ensemble.log_scores_)
    assert (loaded.log_score_, loaded.num_rows_) == (ensemble.log_score_, 120)
    assert loaded.outcome_ is ensemble.outcome_
    assert loaded.solver.get_params() == MEMBER.get_params()
    assert loaded.get_params()["held_out_fraction"] == 0.3
    assert loaded.history_.equals(ensemble.history_)


def test_it_is_a_scikit_learn_estimator():
    estimator = Ensemble(MEMBER, 3, random_state=7)
    copied = clone(estimator)
    assert copied.get_params()["solver__learning_rate"] == 3e-2
    assert copied.solver is not MEMBER
    copied.set_params(solver__max_epochs=2, num_members=1)
    assert (copied.solver.max_epochs, MEMBER.max_epochs) == (2, 100)
    with pytest.raises(NotFittedError, match="Ensemble has not learned"):
        estimator.retrodict([0.5])


def test_the_histories_of_all_members(ensemble):
    history = ensemble.history_
    assert history["member"].unique().tolist() == [0, 1, 2]
    assert len(history) == sum(len(member.history_) for member in ensemble.members_)


class DrawsOnly(AbstractPosteriorSampler):
    """A posterior that hides its density."""

    def __init__(self, sampler):
        self.sample = sampler.sample

    def sample(self, key, num_draws):
        raise NotImplementedError


def test_members_that_give_draws_only_weigh_the_same(monkeypatch, tmp_path):
    original = MixtureDensityNetwork._sampler
    monkeypatch.setattr(
        MixtureDensityNetwork, "_sampler", lambda self, y: DrawsOnly(original(self, y))
    )
    member = clone(MEMBER).set_params(max_epochs=1)
    x, y = two_branches(84, 2)
    with pytest.raises(CapabilityError, match="Stacking needs members with a density"):
        Ensemble(member, 2, held_out_fraction=0.3).fit(*two_branches(120, 1))
    ensemble = Ensemble(member, 2, weighting="equal").fit(x, y)
    assert ensemble.weights_.tolist() == [0.5, 0.5]
    assert ensemble.log_scores_ is None
    assert ensemble.members_[0].num_rows_ == 84
    assert ensemble.retrodict([0.5]).sample(256).shape == (256, 2)
    with pytest.raises(CapabilityError, match="needs the densities of all members"):
        ensemble.retrodict([0.5]).log_prob([0.0, 0.0])
    retrodict.save(ensemble, tmp_path / "model")
    assert retrodict.load(tmp_path / "model").log_score_ is None


class Events:
    """Cuts the training of the second member, by an error or by Ctrl-C."""

    def __init__(self, error):
        self.error, self.num_started = error, 0

    def start(self, total_epochs, description):
        self.num_started += 1

    def update(self, record, time_left_seconds, fraction):
        if self.num_started == 2 and record.epoch == 2:
            raise self.error

    def stop(self, outcome):
        pass


def test_a_cut_training_goes_on_from_the_checkpoints_of_its_members(tmp_path):
    member = clone(MEMBER).set_params(max_epochs=4)
    x, y = two_branches(120, 1)
    cut = {"num_members": 2, "held_out_fraction": 0.3}
    whole = Ensemble(member, **cut).fit(x, y)
    checkpoint = tmp_path / "checkpoint"
    with pytest.raises(RuntimeError, match="power cut"):
        Ensemble(member, **cut).fit(
            x, y, progress=Events(RuntimeError("power cut")), checkpoint=checkpoint
        )
    again = Ensemble(member, **cut).fit(x, y, checkpoint=checkpoint)
    assert_array_equal(again.weights_, whole.weights_)
    assert_array_equal(again.retrodict([0.5]).sample(20), whole.retrodict([0.5]).sample(20))


def test_ctrl_c_keeps_the_members_trained_by_then(monkeypatch):
    def fitted(self, *arguments, **settings):
        found = original(self, *arguments, **settings)
        if self.random_state == seeds[1]:
            self.outcome_ = Outcome.INTERRUPTED
        return found

    original = MixtureDensityNetwork._fit
    seeds = np.random.SeedSequence(0).generate_state(4).tolist()
    monkeypatch.setattr(MixtureDensityNetwork, "_fit", fitted)
    member = clone(MEMBER).set_params(max_epochs=1)
    ensemble = Ensemble(member, 4, held_out_fraction=0.3).fit(*two_branches(120, 1))
    assert len(ensemble.members_) == len(ensemble.weights_) == 2
    assert ensemble.outcome_ is Outcome.INTERRUPTED


@pytest.mark.parametrize(
    ("solver", "settings", "message"),
    [
        (MEMBER, {"num_members": 0}, "at least one member; got 0"),
        (MEMBER, {"weighting": "bayes"}, "Unknown weighting 'bayes'"),
        (MEMBER, {"held_out_fraction": 1.0}, "between 0 and 1; got 1.0"),
        (RejectionABC(), {}, "got RejectionABC, which a seed does not change"),
        ("mixture-densty", {}, "Unknown solver 'mixture-densty'"),
        (MixtureDensityNetwork(0), {}, "at least one component"),
    ],
)
def test_settings_that_make_no_ensemble_are_refused(solver, settings, message):
    with pytest.raises(ConfigurationError, match=message):
        Ensemble(solver, **settings).check_settings()


def test_a_member_by_its_name():
    assert isinstance(Ensemble("mixture-density")._template(), MixtureDensityNetwork)


def test_what_is_left_for_the_members_must_be_enough():
    with pytest.raises(TooFewRowsError):
        Ensemble(MEMBER, 2, held_out_fraction=0.5).fit(*two_branches(60, 0))
