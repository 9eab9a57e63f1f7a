"""What every distribution must obey, for every constructor of the registry."""

import functools
import importlib
import inspect
import pkgutil
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from distribution_registry import APART, COND_DIM, CONSTRUCTORS, DIM
from numpy.testing import assert_allclose

import retrodict.distributions as package
from retrodict.bijections import LinearRegression
from retrodict.distributions import AbstractDistribution, Normal, Transformed, Uniform
from retrodict.errors import ConditionError, ConfigurationError

DTYPES = {"float32": 2e-5, "float64": 1e-10}
NUM_GRID, NUM_DRAWS = 240, 2000
CONDITION = np.array([0.5, -1.0, 0.8])
CONDITIONAL = [name for name, case in CONSTRUCTORS.items() if case.build().cond_shape]

every_case = pytest.mark.parametrize("name", CONSTRUCTORS)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


def grid(box):
    """Cell centres of a square grid, and the area of a cell."""
    edges = np.linspace(*box, NUM_GRID + 1)
    centres = (edges[1:] + edges[:-1]) / 2
    x = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, DIM)
    return x, (edges[1] - edges[0]) ** 2


def condition_of(name, dtype="float64"):
    """The condition where the distribution depends on one."""
    return jnp.asarray(CONDITION, dtype) if name in CONDITIONAL else None


def one(distribution, x, condition):
    return distribution.log_prob(x, condition)


log_probs = eqx.filter_jit(eqx.filter_vmap(one, in_axes=(None, 0, None)))
gradients = eqx.filter_jit(
    eqx.filter_vmap(
        lambda distribution, x, condition: eqx.filter_value_and_grad(
            lambda arguments: one(*arguments)
        )((distribution, x, condition)),
        in_axes=(None, 0, None),
    )
)


@eqx.filter_jit
def draw(distribution, keys, condition):
    return eqx.filter_vmap(lambda key: distribution.sample_and_log_prob(key, condition))(keys)


@functools.cache
def draws(name):
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(7), NUM_DRAWS)
        distribution = CONSTRUCTORS[name].build()
        found = draw(distribution, keys, condition_of(name))
        again = log_probs(distribution, found[0], condition_of(name))
    return tuple(np.asarray(leaf) for leaf in (*found, again))


@every_case
def test_the_density_integrates_to_one(name):
    x, area = grid(CONSTRUCTORS[name].box)
    with jax.enable_x64(True):
        distribution = CONSTRUCTORS[name].build()
        found = log_probs(distribution, jnp.asarray(x), condition_of(name))
    assert_allclose(np.exp(found).sum() * area, 1.0, atol=2e-3)


@every_dtype
@every_case
def test_the_density_is_scipys(name, dtype):
    x = np.random.default_rng(0).uniform(-3, 3, size=(50, DIM)).astype(dtype)
    with jax.enable_x64(dtype == "float64"):
        distribution = CONSTRUCTORS[name].build()
        found = log_probs(distribution, jnp.asarray(x), condition_of(name, dtype))
    assert found.dtype == dtype
    expected = CONSTRUCTORS[name].logpdf(x.astype(float), CONDITION)
    assert_allclose(found, expected, rtol=DTYPES[dtype], atol=DTYPES[dtype])


@pytest.mark.parametrize("column", range(DIM))
@every_case
def test_draws_follow_the_density(name, column):
    x, _, _ = draws(name)
    cdf = functools.partial(CONSTRUCTORS[name].cdf, column=column, c=CONDITION)
    assert scipy.stats.kstest(x[:, column], cdf).pvalue > 0.001


@every_case
def test_draws_have_the_entropy_of_the_density(name):
    """The mean of log p over draws, in standard errors, against quadrature: sees the joint."""
    _, log_prob, _ = draws(name)
    x, area = grid(CONSTRUCTORS[name].box)
    expected = CONSTRUCTORS[name].logpdf(x, CONDITION)
    density = np.exp(expected)
    negative_entropy = (density * np.where(density > 0, expected, 0)).sum() * area
    standard_error = log_prob.std() / np.sqrt(NUM_DRAWS)
    assert abs(log_prob.mean() - negative_entropy) < 4 * standard_error + 5e-3


@every_case
def test_draws_come_with_their_own_log_density(name):
    _, log_prob, again = draws(name)
    assert_allclose(log_prob, again, rtol=1e-9, atol=1e-9)


@every_dtype
@every_case
def test_values_and_gradients_are_finite_far_out(name, dtype):
    if name == "uniform":
        far = np.array([[-1.0, 2.0], [3.0, 2.5], [0.0, 2.25]], dtype)
    else:
        far = np.array([[-1e4] * DIM, [0.0] * DIM, [1e4] * DIM], dtype)
    with jax.enable_x64(dtype == "float64"):
        distribution = CONSTRUCTORS[name].build()
        found = gradients(distribution, jnp.asarray(far), condition_of(name, dtype))
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))


@every_case
def test_many_draws_are_independent(name):
    distribution = CONSTRUCTORS[name].build()
    x = distribution.sample_many(jax.random.key(0), 4, condition_of(name, "float32"))
    assert x.shape == (4, DIM)
    assert len(np.unique(np.asarray(x)[:, 0])) == 4


@pytest.mark.parametrize("name", CONDITIONAL)
def test_a_missing_or_misshapen_condition_is_refused(name):
    distribution = CONSTRUCTORS[name].build()
    with pytest.raises(ConditionError):
        distribution.log_prob(jnp.zeros(DIM))
    with pytest.raises(ConditionError):
        distribution.sample(jax.random.key(0), jnp.zeros(COND_DIM + 1))


@pytest.mark.parametrize("name", [name for name in CONSTRUCTORS if name not in CONDITIONAL])
def test_a_condition_that_nothing_depends_on_is_refused(name):
    distribution = CONSTRUCTORS[name].build()
    x, condition = jnp.zeros(DIM), jnp.zeros(COND_DIM)
    for ask in (
        lambda: distribution.log_prob(x, condition),
        lambda: distribution.sample(jax.random.key(0), condition),
        lambda: distribution.sample_and_log_prob(jax.random.key(0), condition),
    ):
        with pytest.raises(ConditionError, match=rf"does not depend .* \({COND_DIM},\)"):
            ask()


def test_the_base_of_a_conditional_flow_is_spared_its_condition():
    """As the links of a chain are: what has no use for the condition does not see it."""
    shift_by_the_condition = LinearRegression(jnp.ones((1, 1)), jnp.zeros(1), jnp.ones((1, 1)))
    flow = Transformed(Normal(jnp.zeros(1), jnp.ones(1)), shift_by_the_condition)
    condition = jnp.array([3.0])
    assert_allclose(flow.log_prob(condition, condition), -0.5 * np.log(2 * np.pi), rtol=1e-6)
    x, log_prob = flow.sample_and_log_prob(jax.random.key(0), condition)
    assert_allclose(x, flow.sample(jax.random.key(0), condition))
    assert_allclose(log_prob, flow.log_prob(x, condition), rtol=1e-6)


def test_the_uniform_density_ends_at_its_bounds():
    uniform = Uniform(jnp.array([0.0, 1.0]), jnp.array([2.0, 5.0]))
    inside = -np.log(8.0)
    for x, expected in [
        ([0.0, 1.0], inside),
        ([2.0, 5.0], inside),
        ([-1e-6, 2.0], -np.inf),
        ([1.0, 5.00001], -np.inf),
        ([np.nan, 2.0], np.nan),
        ([np.nan, 9.0], np.nan),
    ]:
        assert_allclose(uniform.log_prob(jnp.array(x)), expected, rtol=1e-6)


def test_uniform_draws_stay_inside():
    lower, upper = 1e6, 1e6 + 0.0625
    x = Uniform(jnp.array([lower]), jnp.array([upper])).sample_many(jax.random.key(0), 500)
    assert x.min() >= jnp.float32(lower)
    assert x.max() <= jnp.float32(upper)


def test_components_of_a_mixture_need_a_leading_axis():
    with pytest.raises(ConfigurationError, match="filter_vmap"):
        package.Mixture(Normal(jnp.zeros(2), jnp.ones(2)), jnp.zeros(3))


def concrete_distributions():
    modules = [
        importlib.import_module(f"{package.__name__}.{info.name}")
        for info in pkgutil.iter_modules(package.__path__)
    ]
    members = [member for module in modules for _, member in inspect.getmembers(module)]
    return {
        member
        for member in members
        if inspect.isclass(member)
        and issubclass(member, AbstractDistribution)
        and not inspect.isabstract(member)
    }


def test_every_distribution_is_in_the_registry_and_public():
    registered = {type(case.build()) for case in CONSTRUCTORS.values()}
    assert registered.isdisjoint(APART)
    for module in APART.values():
        assert Path(__file__).with_name(module).exists()
    registered |= APART.keys()
    assert registered == concrete_distributions()
    assert {kind.__name__ for kind in registered} <= set(package.__all__)
