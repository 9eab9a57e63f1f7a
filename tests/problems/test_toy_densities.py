import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.errors import ConditionError, ConfigurationError
from retrodict.problems import TOY_DENSITIES, LabelledMixture, toy8

NUM_DRAWS = 20_000
PUBLISHED = {
    "checkerboard": 3.4657,
    "eight-gaussians": 2.8382,
    "toy8": 1.6984,
    "toy8-all": -0.3810,
    "toy8-some": 0.4854,
}
every_density = pytest.mark.parametrize("name", TOY_DENSITIES)


@pytest.fixture(scope="module")
def drawn():
    """x, labels and the exact log-density of draws of each, in double precision."""

    def draw(name):
        if name not in found:
            with jax.enable_x64(True):
                toy = TOY_DENSITIES[name]
                x, labels = toy.draw(jax.random.key(3), NUM_DRAWS)
                log_prob = jax.jit(jax.vmap(toy.make().log_prob))(x, labels)
                found[name] = jax.tree.map(np.asarray, (x, labels, log_prob))
        return found[name]

    found = {}
    return draw


@every_density
def test_the_floor_is_the_entropy_of_its_draws(name, drawn):
    _, _, log_prob = drawn(name)
    standard_error = log_prob.std() / np.sqrt(NUM_DRAWS)
    assert log_prob.dtype == np.float64
    assert abs(-log_prob.mean() - TOY_DENSITIES[name].floor) < 3.5 * standard_error + 5e-5


@every_density
def test_the_floor_is_the_published_one_up_to_what_overlaps(name):
    overlap = 0.0063 if name == "eight-gaussians" else 0.0
    assert_allclose(TOY_DENSITIES[name].floor + overlap, PUBLISHED[name], atol=2e-4)


@every_density
def test_the_density_integrates_to_one(name):
    edges = np.linspace(-5, 5, 401)
    centres = (edges[1:] + edges[:-1]) / 2
    x = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
    distribution = TOY_DENSITIES[name].make()
    condition = None
    if distribution.cond_shape is not None:
        condition = jnp.zeros(distribution.cond_shape).at[0].set(1)
    log_prob = jax.jit(jax.vmap(lambda x: distribution.log_prob(x, condition)))
    total = np.exp(log_prob(jnp.asarray(x, jnp.float32))).sum() * (edges[1] - edges[0]) ** 2
    assert_allclose(total, 1, atol=1e-3)


def test_the_checkerboard_has_half_of_the_cells(drawn):
    x, labels, log_prob = drawn("checkerboard")
    assert labels is None
    cells = np.floor((x + 4) / 2).astype(int)
    assert set(map(tuple, cells)) == {(i, j) for i in range(4) for j in range(4) if i % 2 == j % 2}
    assert_allclose(log_prob, -np.log(32))


def test_components_lie_where_they_are_published(drawn):
    x, _, _ = drawn("eight-gaussians")
    radius = np.hypot(*x.T)
    assert abs(np.sqrt((radius**2).mean()) - np.sqrt(16 + 2 * 0.25) / 1.414) < 0.01
    x, labels, _ = drawn("toy8-all")
    locs = np.array([x[labels[:, k] == 1].mean(axis=0) for k in range(8)])
    expected = [[-2.4142, 1], [-1, 2.4142], [1, 2.4142], [2.4142, 1]]
    assert_allclose(locs, expected + (-np.array(expected)).tolist(), atol=0.02)


def test_labels_of_some_group_the_corners(drawn):
    _, labels, _ = drawn("toy8-some")
    assert labels.shape == (NUM_DRAWS, 4)
    assert (labels.sum(axis=1) == 1).all()
    expected = np.array([4, 2, 1, 1]) / 8
    assert (np.abs(labels.mean(axis=0) - expected) < 4 * np.sqrt(expected / NUM_DRAWS)).all()


def test_draws_under_a_label_are_those_that_bear_it(drawn):
    x, labels, _ = drawn("toy8-some")
    model = toy8("some")
    draws = model.sample_many(jax.random.key(0), 2000, jnp.array([0.0, 1, 0, 0]))
    pairs = x[labels[:, 1] == 1]
    assert_allclose(draws.mean(axis=0), pairs.mean(axis=0), atol=0.15)
    assert_allclose(np.cov(draws.T), np.cov(pairs.T), atol=0.15)


@pytest.mark.parametrize("name", ["checkerboard", "toy8-all"])
def test_single_precision_is_the_default(name):
    x, labels = TOY_DENSITIES[name].draw(jax.random.key(0), 5)
    assert x.dtype == jnp.float32
    assert labels is None or labels.dtype == jnp.float32


def test_bad_labels_and_conditions_are_refused():
    with pytest.raises(ConfigurationError, match="'most'"):
        toy8("most")
    with pytest.raises(ConditionError, match=r"\(4,\)"):
        toy8("some").log_prob(jnp.zeros(2))
    assert isinstance(toy8("some"), LabelledMixture)
