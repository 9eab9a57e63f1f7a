"""A posterior that observations with known causes have repaired."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from retrodict import Posterior, Variable
from retrodict.diagnostics import simulation_based_calibration
from retrodict.errors import (
    CapabilityError,
    ConfigurationError,
    NotFittedError,
    ShapeError,
    TooFewRowsError,
)
from retrodict.problems.base import seed_sequence
from retrodict.repair import ConformalCalibration
from retrodict.solvers.sampler import AbstractPosteriorSampler

PARAMETERS = (Variable("mass", unit="kg", lower=0.0), Variable("angle"))
OBSERVABLES = (Variable("y1"), Variable("y2"))


class TooNarrow(AbstractPosteriorSampler):
    """log mass and angle are normal about y, with half the deviation that they should have."""

    def __init__(self, y):
        self.y = y

    def sample(self, key, num_draws):
        """Draw i does not depend on how many are asked for."""
        rng = np.random.default_rng(seed_sequence(key))
        noise = rng.normal(size=(num_draws, len(self.y), 2)).swapaxes(0, 1)
        x = self.y[:, None] + 0.5 * noise
        return np.stack([np.exp(x[..., 0]), x[..., 1]], axis=-1)

    def summary_columns(self, key):
        return {"ess": np.full(self.y.shape, 7.0)}


def pairs(seed, num):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(num, 2))
    x = y + rng.normal(size=y.shape)
    x[:, 0] = np.exp(x[:, 0])
    return x, y


def posterior(y, is_single=False, **settings):
    return Posterior(
        TooNarrow(y),
        y,
        is_single=is_single,
        parameters=PARAMETERS,
        observables=OBSERVABLES,
        **settings,
    )


@pytest.fixture(scope="module")
def calibration():
    x, y = pairs(0, 1000)
    return posterior(y, random_state=5).calibrate(x)


def test_a_calibration_is_that_of_the_draws_with_names_and_bounds(calibration):
    x, y = pairs(0, 1000)
    draws = posterior(y, random_state=5).sample(300)
    by_hand = ConformalCalibration(names=["mass", "angle"], lower=[0.0, -np.inf]).fit(draws, x)
    for name, array in by_hand.to_arrays().items():
        assert_array_equal(calibration.to_arrays()[name], array)
    assert calibration.summary_.names == ("mass", "angle")


def test_repaired_draws_are_calibrated_and_within_bounds(calibration):
    x, y = pairs(1, 500)
    as_it_is, repaired = posterior(y), posterior(y).repaired(calibration)
    assert not simulation_based_calibration(as_it_is.sample(200), x).passed
    draws = repaired.sample(200)
    assert draws.shape == (500, 200, 2)
    assert simulation_based_calibration(draws, x).passed
    assert (draws[..., 0] > 0).all()
    # They are the calibration's, made of as many draws as it was fitted to.
    assert_array_equal(draws, calibration.apply(as_it_is.sample(300))[:, :200])
    assert_array_equal(repaired.sample(400), calibration.apply(as_it_is.sample(400)))
    frame = repaired.to_dataframe(200)
    assert_array_equal(frame[["mass", "angle"]], draws.reshape(-1, 2))


def test_a_summary_has_the_guaranteed_intervals(calibration):
    x, y = pairs(2, 800)
    repaired = posterior(y).repaired(calibration)
    table = repaired.summary(500)
    assert (table["ess"] == 7.0).all()
    for level, low, high in ((0.5, "low50", "high50"), (0.95, "low95", "high95")):
        ends = calibration.intervals(posterior(y).sample(300), level)
        assert_allclose(table[low].to_numpy().reshape(x.shape), ends[0])
        assert_allclose(table[high].to_numpy().reshape(x.shape), ends[1])
        share = ((ends[0] <= x) & (x <= ends[1])).mean(axis=0)
        assert (np.abs(share - level) < 4 * np.sqrt(level * (1 - level) * (1e-3 + 1 / 800))).all()
    assert_allclose(table["median"], np.median(repaired.sample(500), axis=1).ravel())


def test_one_observation_has_no_observation_axis(calibration):
    _, y = pairs(3, 1)
    repaired = posterior(y, is_single=True).repaired(calibration)
    assert repaired.sample(5).shape == (5, 2)
    assert list(repaired.summary().index) == ["mass", "angle"]
    assert list(repaired.summary()["unit"]) == ["kg", ""]


def test_groups_are_repaired_by_their_own():
    x, y = pairs(4, 600)
    x[:200, 1] += 2.0
    sensor = np.repeat(["old", "new"], [200, 400])
    calibration = posterior(y).calibrate(pd.DataFrame(x, columns=["mass", "angle"]), groups=sensor)
    assert calibration.groups_ == ("new", "old")
    _, fresh = pairs(5, 2)
    one_of_each = posterior(np.repeat(fresh[:1], 2, axis=0)).repaired(calibration, ["new", "old"])
    new, old = one_of_each.sample(4000).mean(axis=1)[:, 1]
    assert abs(old - new - 2.0) < 0.4
    assert one_of_each.summary()["low80"].shape == (4,)


def test_no_density_is_claimed(calibration):
    _, y = pairs(6, 3)
    repaired = posterior(y).repaired(calibration)
    for ask in (lambda: repaired.log_prob(y), repaired.mode):
        with pytest.raises(CapabilityError, match="gives draws only"):
            ask()


def test_what_does_not_belong_together_is_refused(calibration):
    x, y = pairs(7, 100)
    with pytest.raises(NotFittedError, match="ConformalCalibration has not learned"):
        posterior(y).repaired(ConformalCalibration())
    other = ConformalCalibration(names=["angle", "mass"]).fit(posterior(y).sample(99), x)
    with pytest.raises(ConfigurationError, match="of angle, mass; the posterior of mass, angle"):
        posterior(y).repaired(other)
    with pytest.raises(ShapeError, match="need a `truth` of shape"):
        posterior(y).calibrate(x[:50])
    with pytest.raises(TooFewRowsError, match="needs at least 39"):
        posterior(y[:1], is_single=True).calibrate(x[:1])
    assert posterior(y[:19]).calibrate(x[:19], levels=[0.8]).levels == [0.8]


def test_the_seed_decides(calibration):
    _, y = pairs(8, 2)
    repaired = posterior(y).repaired(calibration)
    assert_array_equal(repaired.sample(50), repaired.sample(50))
    assert (repaired.sample(50) != repaired.sample(50, random_state=1)).all()
