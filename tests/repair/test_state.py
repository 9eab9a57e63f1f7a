"""A fitted calibration as plain arrays, and back."""

import numpy as np
import pytest
import safetensors.numpy
from mixed_posteriors import often_zero
from numpy.testing import assert_array_equal
from wrong_posteriors import LEVELS, wrong_posterior

from retrodict.errors import ConfigurationError, NotFittedError, TooFewRowsError
from retrodict.repair import ConformalCalibration


def fitted(kind):
    """A calibration, new draws, and labels for them."""
    draws, truth = wrong_posterior("shifted and too narrow", 0, 300, dim=2)
    fresh, _ = wrong_posterior("shifted and too narrow", 1, 20, dim=2)
    if kind == "groups":
        labels = np.repeat(["air", "water"], [100, 200])
        draws[labels == "air"] += 1.0
        calibration = ConformalCalibration(names=["a", "b"], random_state=3)
        return calibration.fit(draws, truth, labels), fresh, np.repeat(["water", "air"], 10)
    if kind == "point mass":
        calibration = ConformalCalibration(names=["a"], lower=0.0, random_state=3)
        return calibration.fit(*often_zero(0, 300, scale=0.4)), often_zero(1, 20)[0], None
    settings = {
        "separate": {},
        "together": {"tails": "together", "levels": (0.9, 0.5), "significance": 1e-9},
        "bounds": {"lower": [-50.0, -np.inf], "upper": 60.0, "significance": 1},
    }
    calibration = ConformalCalibration(names=["a", "b"], **settings[kind])
    return calibration.fit(draws, truth), fresh, None


@pytest.mark.parametrize("kind", ["separate", "together", "bounds", "groups", "point mass"])
def test_what_comes_back_answers_alike(kind, tmp_path):
    calibration, draws, labels = fitted(kind)
    # Through a file that holds numbers only.
    safetensors.numpy.save_file(calibration.to_arrays(), tmp_path / "calibration.safetensors")
    arrays = safetensors.numpy.load_file(tmp_path / "calibration.safetensors")
    restored = ConformalCalibration.from_arrays(
        arrays, names=calibration.names, groups=calibration.groups_
    )
    assert_array_equal(restored.apply(draws, labels), calibration.apply(draws, labels))
    for level in LEVELS:
        ours, theirs = (c.intervals(draws, level, labels) for c in (restored, calibration))
        assert_array_equal(ours, theirs)
    assert restored.summary_.to_dict() == calibration.summary_.to_dict()
    assert str(restored.summary_) == str(calibration.summary_)
    assert restored.groups_ == calibration.groups_
    assert restored.highest_level_ == calibration.highest_level_
    for name in ("levels", "tails", "significance", "random_state", "names"):
        assert getattr(restored, name) == getattr(calibration, name)
    again = restored.to_arrays()
    assert again.keys() == arrays.keys()
    for name, array in arrays.items():
        assert_array_equal(again[name], array)
    with pytest.raises(TooFewRowsError):
        restored.intervals(draws, restored.highest_level_ + 0.001, labels)
    restored.intervals(draws, restored.highest_level_, labels)


def test_the_highest_level_is_the_last_that_is_answered():
    draws, truth = wrong_posterior("exact", 0, 39)
    for tails, level in (("separate", 0.95), ("together", 0.975)):
        calibration = ConformalCalibration(tails=tails).fit(draws, truth)
        assert calibration.highest_level_ == pytest.approx(level)
    labels = np.repeat(["a", "b"], [39, 79])
    draws, truth = wrong_posterior("exact", 0, 118)
    assert ConformalCalibration().fit(draws, truth, labels).highest_level_ == pytest.approx(0.95)


def test_what_is_missing_is_named():
    calibration, _, _ = fitted("separate")
    arrays = calibration.to_arrays()
    del arrays["scores"], arrays["lower_width"]
    with pytest.raises(ConfigurationError, match="arrays lower_width, scores are missing"):
        ConformalCalibration.from_arrays(arrays)
    with pytest.raises(ConfigurationError, match="Expected 2 parameter names; got 1"):
        ConformalCalibration.from_arrays(calibration.to_arrays(), names=["a"])
    with pytest.raises(ConfigurationError, match="of 1 groups; got 2 labels"):
        ConformalCalibration.from_arrays(calibration.to_arrays(), groups=["air", "water"])
    grouped, _, _ = fitted("groups")
    with pytest.raises(ConfigurationError, match="of 2 groups; got no labels"):
        ConformalCalibration.from_arrays(grouped.to_arrays())
    with pytest.raises(NotFittedError):
        ConformalCalibration().to_arrays()
    with pytest.raises(NotFittedError):
        _ = ConformalCalibration().highest_level_


def test_other_parameters_are_refused():
    calibration, _, _ = fitted("separate")
    calibration.require_parameters(["a", "b"])
    with pytest.raises(ConfigurationError, match="is of a, b; the posterior of b, a"):
        calibration.require_parameters(["b", "a"])
    unnamed = ConformalCalibration.from_arrays(calibration.to_arrays())
    unnamed.require_parameters(["b", "a"])
    with pytest.raises(ConfigurationError, match="is of x1, x2; the posterior of a"):
        unnamed.require_parameters(["a"])
