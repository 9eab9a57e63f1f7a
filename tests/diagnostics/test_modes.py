import json

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm

from retrodict.diagnostics import posterior_modes
from retrodict.diagnostics.mode_search import prominence_by_chance, search
from retrodict.errors import (
    ConfigurationError,
    ConstantColumnError,
    NonFiniteError,
    ShapeError,
    TooFewRowsError,
)
from retrodict.problems import InverseKinematics, TwoMoons

NUM_DRAWS = 300


def banana(rng, num):
    x = rng.normal(size=(num, NUM_DRAWS, 2))
    x[..., 1] = 0.5 * x[..., 1] + x[..., 0] ** 2
    return x


ONE_MODE = {
    "normal in 1": lambda rng, num: rng.normal(size=(num, NUM_DRAWS, 1)),
    "normal in 4": lambda rng, num: rng.normal(size=(num, NUM_DRAWS, 4)),
    "box in 1": lambda rng, num: rng.random((num, NUM_DRAWS, 1)),
    "box in 2": lambda rng, num: rng.random((num, NUM_DRAWS, 2)),
    "t with 3 degrees of freedom": lambda rng, num: rng.standard_t(3, (num, NUM_DRAWS, 2)),
    "banana": banana,
}


def two_gaussians(rng, num, dim, *, share, apart=7.0):
    """Draws, and which Gaussian each comes from; the axes are of very different size."""
    second = rng.random((num, NUM_DRAWS)) < share
    x = rng.normal(size=(num, NUM_DRAWS, dim))
    x[..., 0] += apart * second
    return x * 10.0 ** np.linspace(2, -2, dim), second


@pytest.mark.parametrize("name", ONE_MODE)
def test_one_mode_is_seen_as_one(name, rng):
    # At most 2 % of uniform samples by calibration, 4 standard errors above.
    result = posterior_modes(ONE_MODE[name](rng, 150))
    assert result.share_ambiguous < 0.02 + 4 * np.sqrt(0.02 * 0.98 / 150)


@pytest.mark.parametrize("share", [0.5, 0.2])
@pytest.mark.parametrize("dim", [1, 2, 10])
def test_two_gaussians_are_told_apart(dim, share, rng):
    draws, second = two_gaussians(rng, 40, dim, share=share)
    result = posterior_modes(draws)
    seen = result.num_modes == 2
    assert seen.mean() > 0.9
    labels, second = result.labels[seen], second[seen]
    agree = (labels == second).mean(axis=1)
    assert np.maximum(agree, 1 - agree).mean() > 0.99
    smaller = second.mean(axis=1)
    assert_allclose(result.weights[seen, 1], np.minimum(smaller, 1 - smaller), atol=0.04)
    first = np.sort(result.locations[seen][:, :2, 0], axis=1) / 100
    assert_allclose(np.median(first, axis=0), [0, 7], atol=0.5)


def test_weights_are_those_of_the_source(rng):
    draws, _ = two_gaussians(rng, 60, 2, share=0.2)
    result = posterior_modes(draws)
    standard_error = np.sqrt(0.2 * 0.8 / (NUM_DRAWS * 60))
    assert abs(result.weights[:, 1].mean() - 0.2) < 4 * standard_error


def test_units_and_correlations_do_not_matter(rng):
    draws, _ = two_gaussians(rng, 20, 3, share=0.3)
    matrix = np.array([[3.0, 1.0, 0.0], [0.0, 0.2, -5.0], [40.0, 0.0, 1.0]])
    plain, mapped = posterior_modes(draws), posterior_modes(draws @ matrix + [1, 20, -300])
    assert_array_equal(plain.num_modes, mapped.num_modes)
    assert_allclose(plain.weights, mapped.weights, atol=0.02)


def test_both_moons_are_seen(key):
    problem = TwoMoons()
    y = np.array([[-0.5, 0.1], [-0.6, -0.3], [-0.4, 0.5], [-0.8, 0.2]], dtype=np.float32)
    draws = problem.exact_posterior_rows(key, y, NUM_DRAWS)
    result = posterior_modes(draws)
    assert_array_equal(result.num_modes, 2)
    # Mirror images: each moon lies on its own side of x1 + x2 = 0.
    side = draws.sum(axis=2) > 0
    agree = (result.labels == side).mean(axis=1)
    assert_allclose(np.maximum(agree, 1 - agree), 1)


def test_both_elbows_are_seen(key):
    y = np.array([[1.3, 0.0], [1.5, 0.0], [1.7, 0.0]], dtype=np.float32)
    draws = InverseKinematics().exact_posterior_rows(key, y, NUM_DRAWS)
    result = posterior_modes(draws)
    assert_array_equal(result.num_modes, 2)
    # Elbow up or down: the last joint turns one way or the other.
    side = draws[:, :, 3] > 0
    agree = (result.labels == side).mean(axis=1)
    assert (np.maximum(agree, 1 - agree) > 0.9).all()
    assert_allclose(result.weights, 0.5, atol=4 * 0.029)
    assert (np.sign(result.locations[:, 0, 3]) == -np.sign(result.locations[:, 1, 3])).all()


def test_prominences_are_those_of_a_loop_over_sorted_draws(rng):
    """ToMATo by union and find on heights and neighbours found by brute force in one dimension."""
    draws, _ = two_gaussians(rng, 3, 1, share=0.3, apart=6.0)
    found = search(draws)
    for i in range(3):
        expected = _tomato(draws[i, :, 0])
        exists = found.peaks[i] >= 0
        assert set(found.peaks[i, exists]) == set(expected)
        for peak, prominence in zip(found.peaks[i, exists], found.prominences[i], strict=False):
            # The dimension scales all log densities alike.
            factor = found.intrinsic_dim[i]
            assert_allclose(prominence, factor * expected[peak], rtol=1e-6, atol=1e-9)


def _tomato(x, k=20):
    squared = (x[:, None] - x[None]) ** 2
    np.fill_diagonal(squared, np.inf)
    neighbours = np.argsort(squared, axis=1)[:, :k]
    height = -np.log(np.take_along_axis(squared, neighbours, axis=1).mean(axis=1)) / 2
    linked = [set(row) for row in neighbours.tolist()]
    for i, row in enumerate(neighbours.tolist()):
        for j in row:
            linked[j].add(i)
    root, prominence = {}, {}
    # From the top down: a draw joins components, and all but the highest of them end there.
    for i in np.argsort(-height).tolist():
        root[i] = i
        above = {_find(root, j) for j in linked[i] if j in root and j != i}
        if not above:
            continue
        highest = max(above, key=lambda j: height[j])
        root[i] = highest
        for j in above - {highest}:
            root[j] = highest
            prominence[j] = height[j] - height[i]
    for i in range(len(x)):
        if root[i] == i:
            prominence[i] = np.inf
    # A draw whose neighbours are all lower may be the neighbour of a higher one: no rise at all.
    tops = [i for i in range(len(x)) if height[i] > height[neighbours[i]].max()]
    return {i: prominence.get(i, 0.0) for i in tops}


def _find(root, i):
    while root[i] != i:
        i = root[i]
    return i


def test_the_limit_is_kept_by_uniform_samples(rng):
    found = search(rng.random((250, NUM_DRAWS, 2)))
    limit = prominence_by_chance(found.intrinsic_dim, NUM_DRAWS)
    second = np.sort(found.prominences, axis=1)[:, -2]
    alarms = (second > limit).mean()
    # The limit is itself an estimate from 250 samples.
    assert 0.001 < alarms < 0.02 + 4 * np.sqrt(0.02 * 0.98 * (1 / 250 + 1 / 250))


def test_one_observation_is_as_among_others(rng):
    draws, _ = two_gaussians(rng, 5, 2, share=0.4)
    together, alone = posterior_modes(draws), posterior_modes(draws[3])
    assert_array_equal(alone.num_modes, together.num_modes[3:4])
    assert_array_equal(alone.labels[0], together.labels[3])


def test_three_modes_and_one_too_small(rng):
    centres = np.array([[0.0, 0.0], [60.0, 0.0], [0.0, 60.0]])
    which = np.repeat([0, 1, 2], [150, 110, 40])
    draws = centres[which] + rng.normal(size=(300, 2))
    result = posterior_modes(draws, names=["a", "b"])
    assert_array_equal(result.num_modes, 3)
    assert_allclose(result.weights[0], [150 / 300, 110 / 300, 40 / 300])
    assert_array_equal(result.labels[0], which)
    assert_allclose(result.locations[0], centres, atol=1.5)
    fewer = posterior_modes(draws, min_weight=0.2)
    assert_array_equal(fewer.num_modes, 2)
    # The smallest group has no way to another one, and is said to belong to none.
    assert (fewer.labels[0, which == 2] == -1).all()
    assert_allclose(fewer.weights[0], [150 / 300, 110 / 300])


def test_a_mode_too_small_belongs_where_its_highest_pass_leads():
    def quantiles(num):
        return norm.ppf((np.arange(num) + 0.5) / num)

    draws = np.concatenate([quantiles(140), 30 + quantiles(120), 36 + quantiles(40)])[:, None]
    assert_array_equal(posterior_modes(draws).num_modes, 3)
    fewer = posterior_modes(draws, min_weight=0.2)
    assert_allclose(fewer.weights[0], [160 / 300, 140 / 300])
    assert fewer.locations[0, 0, 0] == pytest.approx(30, abs=1.5)


def test_a_parameter_that_follows_from_another_adds_nothing(rng):
    draws, _ = two_gaussians(rng, 10, 2, share=0.3)
    doubled = np.concatenate([draws, draws[..., :1] - 3 * draws[..., 1:], 0 * draws[..., :1]], 2)
    assert_array_equal(posterior_modes(doubled).num_modes, posterior_modes(draws).num_modes)


def test_sentences(rng):
    draws, _ = two_gaussians(rng, 10, 1, share=0.3)
    quantiles = norm.ppf((np.arange(NUM_DRAWS) + 0.5) / NUM_DRAWS)
    both = np.concatenate([draws, np.arange(1, 11)[:, None, None] * quantiles[:, None]])
    assert "10 of 20 posteriors (50%) have more than one mode" in str(posterior_modes(both))
    assert "None of 10 posteriors" in str(posterior_modes(both[10:]))
    assert "has 2 modes: " in str(posterior_modes(draws[0], names=["mass"]))
    assert "around mass = " in str(posterior_modes(draws[0], names=["mass"]))
    assert "shows one mode" in str(posterior_modes(both[15]))


def test_dictionary_is_json(rng):
    draws, _ = two_gaussians(rng, 3, 2, share=0.5)
    loaded = json.loads(json.dumps(posterior_modes(draws, names=["a", "b"]).to_dict()))
    assert loaded["num_modes"] == [2, 2, 2]
    assert set(loaded["locations"][0][1]) == {"a", "b"}
    assert_allclose(np.sum(loaded["weights"], axis=1), 1)


def test_what_cannot_be_answered_is_refused(rng):
    draws = rng.normal(size=(5, NUM_DRAWS, 2))
    with pytest.raises(TooFewRowsError, match="at least 100 draws"):
        posterior_modes(draws[:, :99])
    with pytest.raises(ConfigurationError, match=r"0 to \.5; got 0\.7"):
        posterior_modes(draws, min_weight=0.7)
    with pytest.raises(ConfigurationError, match="2 parameter names"):
        posterior_modes(draws, names=["a"])
    with pytest.raises(ShapeError, match="axes"):
        posterior_modes(draws[0, :, 0])
    broken = draws.copy()
    broken[2, 7] = np.nan
    with pytest.raises(NonFiniteError, match=r"\[2\]"):
        posterior_modes(broken)
    broken = draws.copy()
    broken[3] = broken[3, :1]
    with pytest.raises(ConstantColumnError, match=r"\[3\]"):
        posterior_modes(broken)
    broken = draws.copy()
    broken[4, :12] = broken[4, 0]
    with pytest.raises(TooFewRowsError, match=r"more than 10 copies.*\[4\]"):
        posterior_modes(broken)


def test_a_few_copies_do_no_harm(rng):
    draws = rng.normal(size=(20, NUM_DRAWS, 2))
    draws[:, 200:] = draws[:, :100]
    assert posterior_modes(draws).share_ambiguous <= 0.1


def test_whole_numbers_are_no_copies_where_pairs_of_them_differ(rng):
    pairs = np.stack(np.divmod(rng.permuted(np.tile(np.arange(400), (20, 1)), axis=1), 20), axis=2)
    assert posterior_modes(pairs[:, :300]).share_ambiguous <= 0.1


def test_jax_arrays_give_the_same(rng):
    draws = two_gaussians(rng, 4, 2, share=0.5)[0].astype(np.float32)
    from_jax = posterior_modes(jax.numpy.asarray(draws))
    assert from_jax.to_dict() == posterior_modes(draws).to_dict()
