"""Several flows as one posterior."""

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small_problem import SMALL, pairs

import retrodict
from retrodict.distributions import Mixture, Transformed
from retrodict.errors import ConfigurationError
from retrodict.solvers import ConditionalFlow, Ensemble

MEMBERS = 3


@pytest.fixture(scope="module")
def fitted():
    x, y = pairs(1000)
    return ConditionalFlow(SMALL, num_members=MEMBERS, max_epochs=3, batch_size=128).fit(x, y)


def alone(fitted, k):
    """A solver with one of the members in place of all."""
    one = ConditionalFlow(SMALL, num_members=1)
    vars(one).update(vars(fitted) | {"num_members": 1})
    one._architecture = fitted._architecture.architecture()
    one._model = fitted._model.component(k)
    return one


def test_the_density_is_the_mean_of_the_members(fitted):
    x, y = pairs(40, seed=5)
    of_each = [alone(fitted, k).retrodict(y).log_prob(x) for k in range(MEMBERS)]
    assert_allclose(
        np.exp(fitted.retrodict(y).log_prob(x)), np.exp(of_each).mean(axis=0), rtol=1e-4
    )
    assert np.ptp(of_each, axis=0).min() > 0, "members must differ"


def test_draws_come_from_all_members(fitted):
    """The mean of each parameter, against the members' own, within four standard errors."""
    _, y = pairs(1, seed=6)
    draws = fitted.retrodict(y).sample(6000)[0]
    of_each = [alone(fitted, k).retrodict(y).sample(6000)[0] for k in range(MEMBERS)]
    expected = np.mean(of_each, axis=(0, 1))
    error = np.sqrt(2) * draws.std(axis=0) / np.sqrt(6000)
    assert (np.abs(draws.mean(axis=0) - expected) < 4 * error).all()


def test_members_learn_as_if_alone(fitted):
    """Each improves on the held-out loss of the start by itself."""
    x, y = pairs(300, seed=7)
    start = -fitted.history_["validation_loss"].iloc[0]
    for k in range(MEMBERS):
        assert alone(fitted, k).retrodict(y).log_prob(x).mean() > start


def test_saved_members_answer_the_same(fitted, tmp_path):
    x, y = pairs(20, seed=8)
    retrodict.save(fitted, tmp_path / "model")
    loaded = retrodict.load(tmp_path / "model")
    assert loaded.num_members == MEMBERS
    assert_array_equal(loaded.retrodict(y).log_prob(x), fitted.retrodict(y).log_prob(x))


def test_the_certificate_is_that_of_the_worst_member(fitted):
    x, y = pairs(50, seed=9)
    certificates = [alone(fitted, k).round_trip(x, y) for k in range(MEMBERS)]
    ours = fitted.round_trip(x, y)
    assert fitted.has_round_trip
    assert ours.passed == all(one.passed for one in certificates)
    assert ours.largest_error == max(one.largest_error for one in certificates)


def test_who_is_how_many():
    rows = 1000
    assert isinstance(built(ConditionalFlow(SMALL), rows), Transformed)
    assert isinstance(built(ConditionalFlow(num_members=1), rows), Transformed)
    assert isinstance(built(ConditionalFlow(SMALL, num_members=2), rows), Mixture)
    many = built(ConditionalFlow("real-nvp"), rows)
    assert len(many.logits) > 1
    with pytest.raises(ConfigurationError, match="at least one flow"):
        ConditionalFlow(num_members=0).check_settings()


def test_an_ensemble_of_solvers_has_one_flow_in_each():
    x, y = pairs(300)
    ensemble = Ensemble(
        ConditionalFlow("real-nvp", max_epochs=1, batch_size=128), 2, weighting="equal"
    ).fit(x, y)
    assert [member.num_members for member in ensemble.members_] == [1, 1]


def built(solver, num_rows):
    return solver._chosen_architecture(num_rows).build(2, 1, key=jax.random.key(0))


@pytest.mark.parametrize(
    ("members", "rows", "chosen"), [(4, 2, 4), (2, 4, 4), (2, 2, 2), (0, 2, 2)]
)
def test_the_more_devices_are_busy_the_better(members, rows, chosen, monkeypatch):
    """Members are shared where as many devices take part as could share a batch."""
    of_members, of_rows = (
        num and jax.sharding.Mesh(np.array(jax.devices()[:1] * num), (axis,))
        for num, axis in [(members, "members"), (rows, "batch")]
    )
    monkeypatch.setattr(
        "retrodict.solvers.conditional_flow.members_mesh", lambda _: of_members or None
    )
    monkeypatch.setattr("retrodict.solvers.trained.shared_mesh", lambda _: of_rows)
    flow = ConditionalFlow(num_members=4)
    flow._architecture = flow._chosen_architecture(100)
    found = flow._mesh(flow._chosen_training(100))
    assert found.size == chosen
    assert found.axis_names == (("members",) if members >= rows else ("batch",))
