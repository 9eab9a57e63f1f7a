import json

import numpy as np
import pytest
import safetensors.numpy
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binom, kstest, multivariate_normal, skew

from retrodict.diagnostics import TypicalObservations
from retrodict.diagnostics.misspecification import TESTS
from retrodict.diagnostics.observation_density import ObservationDensity
from retrodict.diagnostics.observation_oddness import combined, conformal
from retrodict.errors import (
    ConfigurationError,
    ConstantColumnError,
    NonFiniteError,
    NotFittedError,
    ShapeError,
    TooFewRowsError,
)

TIMES = np.linspace(0, 1, 30)
NOISE_SD = 0.05


def decays(rng, num, noise=1.0):
    """Exponential decays of random height and rate, counted at 30 times with noise."""
    height, rate = rng.uniform(1, 2, (num, 1)), rng.uniform(1, 6, (num, 1))
    return height * np.exp(-rate * TIMES) + noise * NOISE_SD * rng.normal(size=(num, len(TIMES)))


@pytest.fixture(scope="module")
def typical():
    names = [f"count {i}" for i in range(30)]
    return TypicalObservations().fit(decays(np.random.default_rng(0), 4000), names=names)


@pytest.fixture
def one_sensor_broken(rng):
    y = decays(rng, 300)
    y[:, 12] += 10 * NOISE_SD
    return y


def test_training_observations_are_odd_as_often_as_stated():
    # Exact over the training sets as well, so that they are drawn anew.
    odd, num = 0, 0
    for seed in range(6):
        rng = np.random.default_rng([7, seed])
        test = TypicalObservations(random_state=seed).fit(rng.normal(size=(1000, 3)) ** 3)
        result = test.test(rng.normal(size=(500, 3)) ** 3)
        odd, num = odd + int(result.is_odd.sum()), num + 500
    # Observations of one training set share its 100 held-out ones, which adds to the spread.
    spread = np.sqrt(0.05 * 0.95 * (1 / num + 1 / (6 * 100)))
    assert abs(odd / num - 0.05) < 4 * spread


def test_p_values_count_those_at_least_as_odd():
    held_out = np.array([[1.0, 5.0], [2.0, 6.0], [2.0, 7.0], [3.0, 8.0]])
    oddness = np.array([[2.0, 8.5], [3.0, 8.0], [0.0, 0.0], [np.inf, 6.5]])
    expected = [[4 / 5, 1 / 5], [2 / 5, 2 / 5], [1.0, 1.0], [1 / 5, 3 / 5]]
    assert_allclose(conformal(held_out, oddness), expected)


def test_the_smallest_p_value_decides_then_the_distance_beyond_then_the_others():
    held_out = np.stack([np.arange(9.0), np.arange(9.0)], axis=1)
    oddness = np.array([[7.5, 1.0], [6.5, 6.5], [0.0, 0.0], [7.5, 3.0], [9.0, 0.0], [0.0, 30.0]])
    assert np.argsort(-combined(held_out, oddness)).tolist() == [5, 4, 3, 0, 1, 2]
    # However far beyond, a smaller p-value of the same ranking weighs more than the distance.
    beyond = combined(held_out, np.array([[8.0 + 1e-6, 0.0], [1e300, 0.0], [np.inf, 0.0]]))
    assert (np.diff(beyond) >= 0).all()
    assert beyond[0] > combined(held_out, np.array([[8.0, 8.0]]))[0]
    assert np.isfinite(beyond).all()


def test_labels_are_no_odder_alone_than_among_many():
    """Of columns that take few values, rounding must not decide which of equals is odder."""
    rng = np.random.default_rng(0)
    labels = np.eye(8)[rng.choice(4, size=2000, p=[0.5, 0.25, 0.125, 0.125])]
    typical = TypicalObservations(level=0.01).fit(labels)
    for label in np.eye(8)[:4]:
        alone, among = typical.test(label), typical.test(np.tile(label, (100, 1)))
        assert alone.p_values[0] > 0.05
        assert_allclose(among.p_values, alone.p_values[0])
    never = typical.test(np.eye(8)[5])
    assert never.is_odd[0]
    # As odd as the oddest held-out one is not odder than it.
    infinite = np.array([[0.0], [np.inf]])
    assert_allclose(conformal(infinite, infinite), [[1.0], [2 / 3]])


def test_p_values_of_training_observations_are_uniform(typical, rng):
    result = typical.test(decays(rng, 400))
    assert result.passed
    # Ranks among the same held-out observations vary with them as well, as of two samples.
    limit = 2.2 * np.sqrt(1 / 400 + 1 / result.num_held_out)
    for p_values in (result.p_values, *result.test_p_values.T):
        assert kstest(p_values, "uniform").statistic < limit


@pytest.mark.parametrize("noise", [0.5, 2.0], ids=["noise too small", "noise too large"])
def test_wrong_noise_is_seen_and_named(typical, noise, rng):
    result = typical.test(decays(rng, 300, noise=noise))
    assert not result.passed
    assert result.is_odd.mean() > 0.9
    assert_allclose(np.median(result.scatter), noise, rtol=0.2)
    typicality = result.test_p_values[:, TESTS.index("typicality")]
    assert (typicality <= 0.05).mean() > 0.9
    if noise < 1:
        # No other test can see it: nothing is improbable, far or surprising.
        others = np.delete(result.test_p_values, TESTS.index("typicality"), axis=1)
        assert (others <= 0.05).mean() < 0.01
        assert "scatter less around what the others suggest" in str(result)


def test_a_bias_is_seen(typical, rng):
    y = decays(rng, 300)
    y[:, ::2] += 3 * NOISE_SD
    assert typical.test(y).is_odd.mean() > 0.9


def test_a_broken_sensor_is_seen_and_named(typical, one_sensor_broken):
    result = typical.test(one_sensor_broken)
    assert not result.passed
    assert result.is_odd.mean() > 0.9
    assert result.odd_observables[:, 12].mean() > 0.9
    assert result.odd_observables[:, [3, 20, 29]].mean() < 0.05
    row = int(np.argmin(result.p_values))
    assert result.reasons(row).startswith("`count 12` is ")
    assert "was expected given the rest" in result.reasons(row)
    assert "`count 12` stands out in" in str(result)
    # What was expected is the value without the fault, to within the noise of the others.
    before = one_sensor_broken[:, 12] - 10 * NOISE_SD
    assert abs((result.expected[:, 12] - before).mean()) < 0.4 * NOISE_SD
    assert_allclose(np.median(result.expected_sds[:, 12]), NOISE_SD, rtol=0.4)


def test_combinations_that_never_occur_are_seen(rng):
    x = rng.normal(size=(3000, 1))
    test = TypicalObservations().fit(x * [1, 1] + 0.1 * rng.normal(size=(3000, 2)))
    result = test.test([1.0, -1.0])
    assert not result.passed
    # Each value by itself is ordinary.
    assert ((result.typical[0] < [1, -1]) & (result.typical[2] > [1, -1])).all()


def test_conditional_means_and_sds_are_those_of_a_gaussian(rng):
    mean, root = np.array([1.0, -2.0, 30.0]), np.array([[1, 0, 0], [0.8, 0.5, 0], [-3, 2, 4.0]])
    rows = mean + rng.normal(size=(20_000, 3)) @ root.T
    result = TypicalObservations().fit(rows).test(rows[:50])
    covariance = root @ root.T
    for j in range(3):
        rest = [i for i in range(3) if i != j]
        slope = np.linalg.solve(covariance[np.ix_(rest, rest)], covariance[rest, j])
        sd = np.sqrt(covariance[j, j] - slope @ covariance[rest, j])
        expected = mean[j] + (rows[:50][:, rest] - mean[rest]) @ slope
        assert_allclose(result.expected[:, j], expected, atol=0.1 * sd)
        assert_allclose(result.expected_sds[:, j], sd, rtol=0.05)


@pytest.fixture
def mixture(rng):
    """Four groups in five columns, in as many directions; more columns than lead."""
    centres = 6 * rng.normal(size=(4, 5))
    rows = centres[rng.integers(0, 4, 4000)] + rng.normal(size=(4000, 5))
    return ObservationDensity.fit(rows[:3000], rows[3000:], 0), rows


def test_density_is_a_mixture_of_gaussians(mixture):
    density, rows = mixture
    assert len(density.weights) >= 4
    z = density.components(rows[:40])
    sds = np.concatenate([np.zeros(density.num_leading), density.rest_sds])
    joint = [
        np.log(weight)
        + multivariate_normal(
            mean,
            np.diag(sds**2) + np.pad(covariance, [(0, len(mean) - density.num_leading)] * 2),
        ).logpdf(z)
        for weight, mean, covariance in zip(
            density.weights, density.means, density.covariances, strict=True
        )
    ]
    assert_allclose(density.log_density(z), np.logaddexp.reduce(joint, axis=0), rtol=1e-8)


@pytest.mark.parametrize("num_leading", [5, 3])
def test_conditionals_are_those_of_the_density_by_quadrature(mixture, num_leading, monkeypatch):
    monkeypatch.setattr("retrodict.diagnostics.observation_density.MAX_LEADING", num_leading)
    rows = mixture[1]
    density = ObservationDensity.fit(rows[:3000], rows[3000:], 0)
    assert density.num_leading == num_leading
    u = density.transformed(rows[:5])
    means, sds = density.given_the_others(u)
    grid = np.linspace(-6, 6, 4001)
    for i in range(5):
        for j in range(5):
            along = np.tile(u[i], (len(grid), 1))
            along[:, j] = grid
            p = np.exp(density.log_density(along @ density.axes))
            mean = (grid * p).sum() / p.sum()
            assert_allclose(means[i, j], mean, atol=1e-6)
            sd = np.sqrt((grid**2 * p).sum() / p.sum() - mean**2)
            assert_allclose(sds[i, j], sd, rtol=1e-5)


def test_distances_are_those_to_the_likeliest_component(mixture):
    density, rows = mixture
    z = density.components(rows[:200])
    inside, outside = density.squared_distances(z)
    # chi^2 with five degrees of freedom, for groups far apart.
    assert abs((inside + outside).mean() - 5) < 4 * np.sqrt(10 / 200)


@pytest.mark.parametrize("kind", ["lognormal", "negative lognormal", "normal", "decades"])
def test_columns_come_back_from_their_transform(kind, rng):
    y = {
        "lognormal": np.exp(rng.normal(size=(1000, 2))),
        "negative lognormal": -np.exp(rng.normal(size=(1000, 2))),
        "normal": 5 + 1e-6 * rng.normal(size=(1000, 2)),
        "decades": 10 ** rng.uniform(-3, 3, (1000, 2)),
    }[kind]
    density = ObservationDensity.fit(y[:800], y[800:], 0)
    u = density.transformed(y)
    assert_allclose(density.restored(u), y, rtol=1e-6)
    assert (density.power == 1).all() == (kind == "normal")
    assert np.abs(skew(u)).max() < max(0.6 * np.abs(skew(y)).min(), 0.3)
    beyond = np.array([[-40.0, 40.0]])
    assert_allclose(density.transformed(density.restored(beyond)), beyond, rtol=1e-6)


def test_one_observable(rng):
    test = TypicalObservations().fit(rng.exponential(size=(2000, 1)), names=["wait"])
    assert test.test([[1.0]]).passed
    result = test.test([60.0])
    assert not result.passed
    assert "`wait` is 60 where " in str(result)


def test_constant_observables_may_not_change(rng):
    rows = np.concatenate([rng.normal(size=(500, 2)), np.full((500, 1), 4.0)], axis=1)
    test = TypicalObservations().fit(rows, names=["a", "b", "gain"])
    assert test.test([[0.1, -0.2, 4.0]]).passed
    result = test.test([[0.1, -0.2, 4.5]])
    assert not result.passed
    assert "`gain` is 4.5 where it always was 4" in str(result)
    assert json.loads(json.dumps(result.to_dict()))["observations"][0]["z_scores"]["gain"] is None


def test_noise_free_relations_may_not_break(rng):
    a, b = rng.normal(size=(2, 1000, 1))
    test = TypicalObservations().fit(np.concatenate([a, b, a + b], axis=1))
    assert test.test([[0.5, 0.25, 0.75]]).passed
    assert not test.test([[0.5, 0.25, 0.80]]).passed


def test_absurd_values_are_odd_without_overflow(typical):
    for value in (1e30, -1e300):
        result = typical.test(np.full(30, value))
        assert not result.passed
        assert np.isfinite(result.z_scores).all()


def test_single_observations_are_judged_as_in_a_batch(typical, one_sensor_broken):
    batch = typical.test(one_sensor_broken[:5])
    for row in range(5):
        single = typical.test(one_sensor_broken[row])
        assert single.p_values[0] == batch.p_values[row]
        assert single.passed == (not batch.is_odd[row])
        assert single.batch_p_value == (1.0 if single.passed else pytest.approx(0.05, abs=0.003))


def test_number_of_odd_observations_by_chance_is_beta_binomial(typical, rng):
    result = typical.test(decays(rng, 200))
    # By simulation: uniform ranks among the held-out observations, shared by all.
    n, k = result.num_held_out, int(result.is_odd.sum())
    a = int(0.05 * (n + 1))
    threshold = rng.beta(a, n + 1 - a, size=100_000)
    expected = binom.sf(k - 1, 200, threshold).mean()
    assert_allclose(result.batch_p_value, expected, atol=0.01)


def test_arrays_restore_it_exactly(typical, one_sensor_broken):
    arrays = typical.to_arrays()
    assert all(array.dtype == np.float64 and array.flags.c_contiguous for array in arrays.values())
    kept = safetensors.numpy.load(safetensors.numpy.save(arrays))
    restored = TypicalObservations.from_arrays(kept, names=typical.names_)
    before, after = typical.test(one_sensor_broken), restored.test(one_sensor_broken)
    assert_array_equal(after.p_values, before.p_values)
    assert str(after) == str(before)
    assert TypicalObservations.from_arrays(arrays).names_[:2] == ("y1", "y2")
    with pytest.raises(ConfigurationError, match="axes, level are missing"):
        TypicalObservations.from_arrays(
            {name: array for name, array in arrays.items() if name not in {"axes", "level"}}
        )
    with pytest.raises(ConfigurationError, match="30 names of observables; got 1"):
        TypicalObservations.from_arrays(arrays, names=["a"])


def test_held_out_observations_of_ones_own(rng):
    rows, other = decays(rng, 1000), decays(rng, 300)
    test = TypicalObservations().fit(rows, other)
    assert test.test(decays(rng, 50)).num_held_out == 150
    # Ranked among held-out observations with twice the noise, such noise is usual.
    used_to_it = TypicalObservations().fit(rows, decays(rng, 300, noise=2.0))
    assert used_to_it.test(decays(rng, 200, noise=2.0)).is_odd.mean() < 0.12


def test_observables_that_are_mostly_zero(rng):
    def sparse(num):
        return np.where(rng.random((num, 2)) < 0.9, 0, rng.exponential(size=(num, 2)))

    test = TypicalObservations().fit(sparse(2000))
    # Ties count as at least as odd, so that there are fewer alarms than stated.
    assert test.test(sparse(1000)).is_odd.mean() < 0.05 + 4 * np.sqrt(0.05 / 200)
    assert not test.test([40.0, 0.0]).passed


def test_few_rows_and_many_columns_stay_exact(rng):
    test = TypicalObservations().fit(rng.normal(size=(120, 60)))
    assert test.test(rng.normal(size=(300, 60))).is_odd.mean() < 0.05 + 4 * 0.04


def test_dictionary_is_json(typical, one_sensor_broken):
    loaded = json.loads(json.dumps(typical.test(one_sensor_broken[:3]).to_dict()))
    assert loaded["passed"] is False
    assert set(loaded["observations"][0]["tests"]) == set(TESTS)
    assert loaded["observations"][0]["z_scores"]["count 12"] > 5


def test_what_cannot_be_answered_is_refused(typical, rng):
    rows = rng.normal(size=(200, 2))
    with pytest.raises(NotFittedError, match="learned first"):
        TypicalObservations().test(rows)
    with pytest.raises(TooFewRowsError, match="at least 100 rows to learn; got 99"):
        TypicalObservations().fit(rows[:99])
    with pytest.raises(TooFewRowsError, match="at least 40 held-out"):
        TypicalObservations().fit(rows, rows[:30])
    with pytest.raises(ConfigurationError, match="between 0 and 1; got 5"):
        TypicalObservations(level=5).fit(rows)
    with pytest.raises(ConfigurationError, match="2 names of observables; got 1"):
        TypicalObservations().fit(rows, names=["a"])
    with pytest.raises(ConstantColumnError, match="None of the 2 observables varies"):
        TypicalObservations().fit(np.ones((200, 2)))
    with pytest.raises(ShapeError, match="2 columns of training"):
        TypicalObservations().fit(rows, rows[:, :1])
    with pytest.raises(ShapeError, match="30 columns of training"):
        typical.test(rows)
    with pytest.raises(NonFiniteError, match=r"1 NaN.*\[0\]"):
        typical.test(np.r_[np.nan, np.zeros(29)])
