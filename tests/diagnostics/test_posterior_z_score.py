import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.diagnostics import posterior_z_scores
from retrodict.diagnostics.posterior_z_score import _z_of_each
from retrodict.errors import ConfigurationError, ConstantColumnError, ShapeError, TooFewRowsError


@pytest.mark.parametrize("seed", range(6))
def test_exact_posterior_passes(gaussian_posterior, seed):
    result = posterior_z_scores(*gaussian_posterior(seed))
    assert result.passed
    assert set(result.readings.values()) <= {"well determined", "partly determined"}
    # The variance falls from 1 to .2.
    assert_allclose(result.median_contractions, 0.8, atol=0.05)
    assert_allclose(result.rms_z, 1.0, atol=0.15)
    assert "within chance" in str(result)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("wrong", "reading"),
    [
        ({"width": 0.7}, "overconfident"),
        ({"width": 1.4}, "underconfident"),
        ({"shift": 0.5}, "biased upwards"),
        ({"shift": -0.5}, "biased downwards"),
    ],
    ids=["overconfident", "underconfident", "up", "down"],
)
def test_wrong_posterior_is_rejected_and_described(gaussian_posterior, wrong, reading, seed):
    draws, truth = gaussian_posterior(seed, **wrong, dim=1, num_observations=400)
    result = posterior_z_scores(draws, truth, names=["mass"])
    assert not result.passed
    assert reading in result.readings["mass"]
    assert f"{reading}: `mass`" in str(result)


def test_parameters_are_told_apart():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(500, 4))
    noise = np.array([0.1, 1.0, 10.0, 0.1])
    observed = truth + noise * rng.normal(size=truth.shape)
    variance = 1 / (1 + noise**-2)
    draws = rng.normal(size=(500, 200, 4)) * np.sqrt(variance) * [1, 1, 1, 0.6]
    draws += (observed * variance / noise**2)[:, None]
    result = posterior_z_scores(draws, truth, names=["a", "b", "c", "d"])
    assert result.readings == {
        "a": "well determined",
        "b": "partly determined",
        "c": "poorly identified",
        "d": "overconfident",
    }
    assert "poorly identified: `c`" in str(result)
    assert "worst, `d`: mean z" in str(result)
    assert result.spreads[3] > 5 > np.abs(result.spreads[:3]).max()


@pytest.mark.parametrize("width", [1e-1, 1e-3, 1e-9])
@pytest.mark.parametrize("num", [20, 300])
def test_the_surer_the_worse(gaussian_posterior, width, num):
    draws, truth = gaussian_posterior(0, width=width, num_observations=num, num_draws=num)
    result = posterior_z_scores(draws, truth)
    assert set(result.readings.values()) == {"overconfident"}
    z_scores = (draws.mean(axis=1) - truth) / draws.std(axis=1, ddof=1)
    assert_allclose(result.z_scores, z_scores, rtol=1e-6)


def test_mean_square_of_many_draws_is_that_of_students_t():
    rng = np.random.default_rng(4)
    result = posterior_z_scores(rng.normal(size=(4000, 20, 1)), rng.normal(size=(4000, 1)))
    # (mean - x) / sd is sqrt(21 / 20) times Student's t with 19 degrees of freedom.
    assert_allclose(result.rms_z, np.sqrt(21 / 20 * 19 / 17), rtol=0.05)
    assert result.passed


def test_numbers_are_those_of_the_definition(gaussian_posterior):
    draws, truth = gaussian_posterior(1, num_observations=25, num_draws=30)
    result = posterior_z_scores(draws, truth)
    sd = draws.std(axis=1, ddof=1)
    z_scores = (draws.mean(axis=1) - truth) / sd
    assert_allclose(result.z_scores, z_scores)
    assert_allclose(result.contractions, 1 - sd**2 / truth.var(axis=0))
    assert_allclose(result.mean_z, z_scores.mean(axis=0))
    assert_allclose(result.rms_z, np.sqrt((z_scores**2).mean(axis=0)))


def test_every_draw_stands_in_as_if_it_were_the_truth(gaussian_posterior):
    draws, truth = gaussian_posterior(2, num_observations=20, num_draws=25, dim=1)
    z, _ = _z_of_each(draws[..., 0], truth[:, 0], "x")
    for row in (0, 7):
        values = np.append(truth[row], draws[row, :, 0])
        for left_out in (0, 1, 25):
            rest = np.delete(values, left_out)
            expected = (rest.mean() - values[left_out]) / rest.std(ddof=1)
            assert_allclose(z[row, left_out], expected)


@pytest.mark.parametrize("shape", ["normal", "lognormal", "two modes"])
def test_exact_posteriors_of_any_shape_are_rejected_no_more_often_than_promised(shape):
    rng = np.random.default_rng(3)
    values = rng.normal(size=(150, 30, 25, 2))
    if shape == "lognormal":
        values = np.exp(1.5 * values)
    if shape == "two modes":
        values += 4 * rng.choice([-1, 1], size=values.shape, p=[0.1, 0.9])
    results = [posterior_z_scores(v[:, 1:], v[:, 0], seed=i) for i, v in enumerate(values)]
    p_values = np.array([min(r.bias_p_values.min(), r.width_p_values.min()) for r in results])
    for level in (0.05, 0.2, 0.5):
        standard_error = np.sqrt(level * (1 - level) / 150)
        assert abs((p_values <= level).mean() - level) < 4 * standard_error


def test_dictionary_is_json(gaussian_posterior):
    result = posterior_z_scores(*gaussian_posterior(5, width=0.5), names=["a", "b"])
    loaded = json.loads(json.dumps(result.to_dict()))
    assert loaded["passed"] is False
    assert loaded["readings"] == {"a": "overconfident", "b": "overconfident"}
    assert loaded["rms_z"]["a"] > 1.5


def test_senseless_arguments_are_refused(gaussian_posterior):
    draws, truth = gaussian_posterior(6, num_observations=30)
    with pytest.raises(ShapeError):
        posterior_z_scores(draws, truth[:-1])
    with pytest.raises(TooFewRowsError, match="got 19"):
        posterior_z_scores(draws[:19], truth[:19])
    with pytest.raises(ConfigurationError, match="2 parameter names; got 1"):
        posterior_z_scores(draws, truth, names=["one"])
    with pytest.raises(ConstantColumnError, match=r"\[0\].*contraction"):
        posterior_z_scores(draws, truth * [0, 1])
    draws[[4, 8], :, 1] = 2.0
    with pytest.raises(ConstantColumnError, match=r"`x2`.* all but one, in 2 .*\[4, 8\]"):
        posterior_z_scores(draws, truth)
