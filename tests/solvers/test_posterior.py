"""The posterior: shapes, support, density and tables."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from retrodict.errors import ConfigurationError, ShapeError

OBSERVATION = [4.0]
BATCH = np.array([[2.0], [4.0], [9.0]])


def test_one_observation_has_no_observation_axis(fitted):
    one, batch = fitted.retrodict(OBSERVATION), fitted.retrodict(BATCH)
    assert one.sample(7).shape == (7, 2)
    assert batch.sample(7).shape == (3, 7, 2)
    assert one.mode().shape == (2,)
    assert batch.mode().shape == (3, 2)
    assert one.log_prob([1.0, 1.0]).shape == ()
    assert one.log_prob(one.sample(7)).shape == (7,)
    assert batch.log_prob(np.ones((3, 2))).shape == (3,)
    assert batch.log_prob(batch.sample(7)).shape == (3, 7)


def test_draws_repeat_and_do_not_depend_on_their_number(fitted):
    posterior = fitted.retrodict(BATCH)
    many = posterior.sample(300)
    assert_array_equal(posterior.sample(300), many)
    # Blocks of another size may round differently in single precision.
    assert_allclose(posterior.sample(40), many[:, :40], rtol=1e-4)
    assert not np.allclose(posterior.sample(40, random_state=9), many[:, :40])
    assert_allclose(fitted.retrodict(BATCH[:1]).sample(300), many[:1], rtol=1e-4)
    assert len(np.unique(many[:, :, 0])) == many[:, :, 0].size


def test_draws_stay_within_the_bounds(fitted):
    draws = fitted.retrodict(BATCH).sample(2000)
    assert (draws > 0).all()
    assert (draws[..., 0] < 2).all()


def test_the_density_is_normalised_in_the_users_units(fitted):
    angle = (np.arange(200) + 0.5) / 100
    log_mass = np.linspace(-5, 3, 400)
    grid = np.stack(np.meshgrid(angle, np.exp(log_mass), indexing="ij"), -1).reshape(-1, 2)
    density = np.exp(fitted.retrodict(OBSERVATION).log_prob(grid)) * grid[:, 1]
    assert_allclose(density.sum() * 0.01 * (log_mass[1] - log_mass[0]), 1, atol=0.01)


def test_draws_and_density_agree(fitted):
    posterior = fitted.retrodict(OBSERVATION)
    draws = posterior.sample(20_000)
    angle = (np.arange(200) + 0.5) / 100
    log_mass = np.linspace(-5, 3, 400)
    grid = np.stack(np.meshgrid(angle, np.exp(log_mass), indexing="ij"), -1).reshape(-1, 2)
    weights = np.exp(posterior.log_prob(grid)) * grid[:, 1]
    mean = (weights[:, None] * grid).sum(0) / weights.sum()
    standard_error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - mean) < 4 * standard_error + 2e-3).all()


def test_no_density_outside_the_bounds(fitted):
    outside = [[-0.1, 1.0], [2.1, 1.0], [1.0, -1.0]]
    assert_array_equal(fitted.retrodict(OBSERVATION).log_prob(outside), -np.inf)


def test_the_mode_is_at_least_as_probable_as_any_draw(fitted):
    posterior = fitted.retrodict(BATCH)
    best = posterior.log_prob(posterior.sample(1000)).max(axis=1)
    assert (posterior.log_prob(posterior.mode()) >= best - 1e-4).all()


def test_tables(fitted):
    one, batch = fitted.retrodict(OBSERVATION), fitted.retrodict(BATCH)
    summary = one.summary()
    assert summary.index.tolist() == ["angle", "mass"]
    assert summary["unit"].tolist() == ["rad", "kg"]
    draws = one.sample(4000)
    assert_allclose(summary["mean"], draws.mean(axis=0))
    assert_allclose(summary["q97.5"], np.quantile(draws, 0.975, axis=0))
    assert batch.summary().loc[(2, "mass"), "sd"] > 0
    assert one.to_dataframe(5).columns.tolist() == ["angle", "mass"]
    frame = batch.to_dataframe(5)
    assert frame["observation"].tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert_allclose(frame.loc[frame["observation"] == 1, "mass"], batch.sample(5)[1, :, 1])
    assert isinstance(frame, pd.DataFrame)


@pytest.mark.filterwarnings("ignore::FutureWarning:arviz")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_inference_data(fitted):
    data = fitted.retrodict(BATCH).to_inference_data(50)
    assert data.posterior["mass"].shape == (1, 50, 3)
    assert_allclose(data.posterior["mass"][0, :, 2], fitted.retrodict(BATCH).sample(50)[2, :, 1])
    assert fitted.retrodict(OBSERVATION).to_inference_data(50).posterior["angle"].shape == (1, 50)


def test_questions_that_make_no_sense_are_refused(fitted):
    posterior = fitted.retrodict(BATCH)
    with pytest.raises(ConfigurationError, match="at least 1"):
        posterior.sample(0)
    with pytest.raises(ShapeError, match=r"\(3, 2\)"):
        posterior.log_prob(np.ones((4, 2)))
    with pytest.raises(ShapeError):
        fitted.retrodict(OBSERVATION).log_prob(np.ones((3, 4, 2)))
