import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.diagnostics import Gaussian, InverseMultiquadric, mmd, witness
from retrodict.errors import ShapeError


@pytest.mark.parametrize("dim", [1, 3, 40])
def test_value_is_the_difference_of_mean_similarities(dim, rng):
    first, second = rng.normal(size=(60, dim)) + 50, 1.5 * rng.normal(size=(45, dim)) + 50
    points = rng.normal(size=(11, dim)) + 50
    kernel = Gaussian(float(np.sqrt(dim)))

    def similarity(sample):
        squared = ((points[:, None] - sample[None]) ** 2).sum(-1)
        return np.exp(-squared / (2 * dim)).mean(axis=1)

    expected = similarity(first) - similarity(second)
    assert_allclose(witness(first, second, kernel=kernel)(points), expected, atol=2e-6)


def test_its_means_differ_by_the_biased_mmd(rng):
    first, second = rng.normal(size=(80, 2)), rng.normal(size=(70, 2)) + 0.5
    function = witness(first, second, kernel=InverseMultiquadric())
    difference = function(first).mean() - function(second).mean()
    squared = mmd(first, second, kernel=function.kernel, biased=True).squared
    assert_allclose(difference, squared, atol=1e-6)


def test_it_approaches_that_of_two_normals(rng):
    # A Gaussian kernel smooths both densities: N(mean, sd^2 + h^2), up to the factor h sqrt(2 pi).
    h, at = 0.7, np.linspace(-3, 3, 13)

    def smoothed(mean, sd):
        spread = np.hypot(sd, h)
        return h / spread * np.exp(-((at - mean) ** 2) / (2 * spread**2))

    first, second = rng.normal(size=(20_000, 1)), 0.5 + 1.4 * rng.normal(size=(20_000, 1))
    values = witness(first, second, kernel=Gaussian(h))(at[:, None])
    # The standard error of a mean of 20,000 values within [0, 1] is at most .0036.
    assert_allclose(values, smoothed(0, 1) - smoothed(0.5, 1.4), atol=0.015)


def test_it_says_where(rng):
    first, second = rng.normal(size=(200, 1)) - 2, rng.normal(size=(200, 1)) + 2
    function = witness(first, second)
    assert function([[-2.0]])[0] > 0 > function([[2.0]])[0]
    assert_allclose(witness(second, first)([[1.0]]), -function([[1.0]]), atol=1e-6)
    assert "first sample has most too much at (-" in str(function)


def test_another_space_is_refused(rng):
    first = rng.normal(size=(20, 2))
    with pytest.raises(ShapeError, match="same columns"):
        witness(first, first[:, :1])
    with pytest.raises(ShapeError, match="2 columns"):
        witness(first, first)(first[:, :1])
