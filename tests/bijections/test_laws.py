"""What every bijection must obey, for every constructor of the registry."""

import functools
import importlib
import inspect
import pkgutil
import types

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bijection_case import COND_DIM
from bijection_registry import CONSTRUCTORS
from numpy.testing import assert_allclose

import retrodict.bijections as package
from retrodict.bijections import AbstractBijection, AbstractTransformer
from retrodict.errors import ConditionError

NUM_POINTS = 8

every_case = pytest.mark.parametrize("name", CONSTRUCTORS)
every_case_and_dtype = pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, dtype) for name, case in CONSTRUCTORS.items() for dtype in case.tolerances],
)
# Read from the name, so that collecting the tests builds nothing.
conditional = [name for name in CONSTRUCTORS if name.endswith("-conditional")]
unconditional = [name for name in CONSTRUCTORS if name not in conditional]


def tolerance(name, dtype):
    return CONSTRUCTORS[name].tolerances[dtype]


# Each program runs once: the time goes into compiling it.
compiled = functools.partial(eqx.filter_jit, compiler_options={"xla_backend_optimization_level": 0})


def directions(bijection, start, condition, *, inverse):
    """There, back again, the Jacobian, and gradients in the input and all parameters."""

    def step(bijection, start, condition):
        map_once = bijection.inverse_and_log_det if inverse else bijection.forward_and_log_det
        return map_once(start, condition)

    back = bijection.forward_and_log_det if inverse else bijection.inverse_and_log_det
    (end, log_det), pull_back = eqx.filter_vjp(step, bijection, start, condition)
    returned, back_log_det = back(end, condition)
    basis = jnp.eye(end.size, dtype=start.dtype).reshape(end.size, *end.shape)
    # A row of the Jacobian per output, and last the gradients: one program for all.
    rows = jnp.concatenate([basis, jnp.ones_like(end)[None]])
    of_log_det = jnp.zeros(len(rows), log_det.dtype).at[-1].set(1)
    in_parameters, in_start, in_condition = jax.vmap(lambda *row: pull_back(row))(rows, of_log_det)
    last = jax.tree.map(lambda leaf: leaf[-1], (in_parameters, in_start, in_condition))
    return {
        "start": start,
        "condition": condition,
        "end": end,
        "log_det": log_det,
        "returned": returned,
        "back_log_det": back_log_det,
        "jacobian": in_start[:-1].reshape(end.size, start.size),
        "gradients": jax.tree.leaves(last),
    }


@functools.cache
def evidence(name, dtype, inverse):
    """All of it at ordinary points, then at breaking ones: one compiled program per direction."""
    case = CONSTRUCTORS[name]
    with jax.enable_x64(dtype == "float64"):
        bijection = case.build(jax.random.key(3))
        points = case.z(NUM_POINTS) if inverse else case.x(NUM_POINTS)
        breaking = case.breaking_z() if inverse else case.breaking_x()
        start = jnp.asarray(np.concatenate([points, breaking]), dtype)
        condition = jnp.asarray(np.random.default_rng(4).normal(size=(len(start), COND_DIM)), dtype)
        run = functools.partial(directions, inverse=inverse)
        found = compiled(eqx.filter_vmap(run, in_axes=(None, 0, 0)))(bijection, start, condition)
        assert all(leaf.dtype == dtype for leaf in jax.tree.leaves(found))
        return jax.tree.map(np.asarray, found)


def ordinary(found):
    return jax.tree.map(lambda leaf: leaf[:NUM_POINTS], found)


@every_case_and_dtype
def test_inverse_undoes_forward(name, dtype):
    found = ordinary(evidence(name, dtype, inverse=False))
    assert_allclose(
        found["returned"], found["start"], rtol=tolerance(name, dtype), atol=tolerance(name, dtype)
    )


@every_case_and_dtype
def test_forward_undoes_inverse(name, dtype):
    found = ordinary(evidence(name, dtype, inverse=True))
    assert_allclose(
        found["returned"], found["start"], rtol=tolerance(name, dtype), atol=tolerance(name, dtype)
    )


@pytest.mark.parametrize("inverse", [False, True], ids=["forward", "inverse"])
@every_case_and_dtype
def test_log_det_is_the_jacobian(name, dtype, inverse):
    found = ordinary(evidence(name, dtype, inverse=inverse))
    assert found["log_det"].shape == (NUM_POINTS,)
    log_det = np.linalg.slogdet(found["jacobian"].astype(np.float64)).logabsdet
    assert_allclose(
        found["log_det"], log_det, rtol=tolerance(name, dtype), atol=tolerance(name, dtype)
    )


@pytest.mark.parametrize("inverse", [False, True], ids=["forward", "inverse"])
@every_case_and_dtype
def test_log_dets_of_both_directions_cancel(name, dtype, inverse):
    found = ordinary(evidence(name, dtype, inverse=inverse))
    assert_allclose(
        found["log_det"], -found["back_log_det"], rtol=0, atol=5 * tolerance(name, dtype)
    )


@pytest.mark.parametrize("inverse", [False, True], ids=["forward", "inverse"])
@every_case_and_dtype
def test_values_and_gradients_are_finite_everywhere(name, dtype, inverse):
    for leaf in jax.tree.leaves(evidence(name, dtype, inverse=inverse)):
        assert np.isfinite(leaf).all()


def both_directions(bijection, x, condition):
    z, log_det = bijection.forward_and_log_det(x, condition)
    return z, log_det, *bijection.inverse_and_log_det(z, condition)


jitted_alone = compiled(both_directions)
jitted_batch = compiled(eqx.filter_vmap(both_directions, in_axes=(None, 0, 0)))


@functools.cache
def bijection_and_points(name):
    x = jnp.asarray(CONSTRUCTORS[name].x(3), jnp.float32)
    condition = jnp.asarray(np.random.default_rng(5).normal(size=(3, COND_DIM)), jnp.float32)
    return CONSTRUCTORS[name].build(jax.random.key(3)), x, condition


def assert_agree(results, expected):
    for result, value in zip(results, expected, strict=True):
        assert_allclose(result, value, rtol=2e-5, atol=2e-5)


@every_case
def test_jit_agrees_with_eager(name):
    arguments = jax.tree.map(lambda leaf: leaf[0], bijection_and_points(name)[1:])
    bijection = bijection_and_points(name)[0]
    assert_agree(jitted_alone(bijection, *arguments), both_directions(bijection, *arguments))


@every_case
def test_a_batch_of_one_agrees_with_one(name):
    bijection, x, condition = bijection_and_points(name)
    mapped = jitted_batch(bijection, x[:1], condition[:1])
    assert_agree([row[0] for row in mapped], jitted_alone(bijection, x[0], condition[0]))


@every_case
def test_vmap_agrees_with_a_loop(name):
    bijection, x, condition = bijection_and_points(name)
    if "float32" in CONSTRUCTORS[name].tolerances:
        found = evidence(name, "float32", inverse=False)
        x, condition = jnp.asarray(found["start"][:3]), jnp.asarray(found["condition"][:3])
        mapped = [found[k][:3] for k in ("end", "log_det", "returned", "back_log_det")]
    else:
        mapped = jitted_batch(bijection, x, condition)
    for i in range(3):
        assert_agree([rows[i] for rows in mapped], jitted_alone(bijection, x[i], condition[i]))


@pytest.mark.parametrize("name", unconditional)
def test_an_unconditional_map_ignores_the_condition(name):
    bijection, x, condition = bijection_and_points(name)
    assert_agree(
        both_directions(bijection, x[0], None), jitted_alone(bijection, x[0], condition[0])
    )


@pytest.mark.parametrize("name", conditional)
def test_a_conditional_map_depends_on_the_condition(name):
    bijection, x, condition = bijection_and_points(name)
    one, other = (jitted_alone(bijection, x[0], condition[i])[0] for i in range(2))
    assert not np.allclose(one, other, atol=1e-3)


@pytest.mark.parametrize("direction", ["forward_and_log_det", "inverse_and_log_det"])
@pytest.mark.parametrize("name", conditional)
def test_a_missing_or_misshapen_condition_is_refused(name, direction):
    bijection, x, _ = bijection_and_points(name)
    z = jnp.asarray(CONSTRUCTORS[name].z(1), jnp.float32)
    start = (x if direction == "forward_and_log_det" else z)[0]
    with pytest.raises(ConditionError, match=rf"\({COND_DIM},\)"):
        getattr(bijection, direction)(start, None)
    with pytest.raises(ConditionError, match=rf"\({COND_DIM + 1},\)"):
        getattr(bijection, direction)(start, jnp.zeros(COND_DIM + 1))


@every_case
def test_shapes_are_declared(name):
    bijection, _, _ = bijection_and_points(name)
    assert bijection.shape == CONSTRUCTORS[name].shape
    assert bijection.out_shape == CONSTRUCTORS[name].z_shape
    assert bijection.cond_shape == ((COND_DIM,) if name in conditional else None)


def concrete_subclasses(package: types.ModuleType, base: type) -> set[type]:
    modules = [
        importlib.import_module(f"{package.__name__}.{info.name}")
        for info in pkgutil.iter_modules(package.__path__)
    ]
    members = [member for module in modules for _, member in inspect.getmembers(module)]
    return {
        member
        for member in members
        if inspect.isclass(member)
        and issubclass(member, base)
        and not inspect.isabstract(member)
        and not member.__name__.startswith("Abstract")
    }


def test_every_bijection_is_in_the_registry():
    registered = {type(bijection_and_points(name)[0]) for name in CONSTRUCTORS}
    assert registered == concrete_subclasses(package, AbstractBijection)


def test_every_transformer_is_in_the_registry():
    is_node = lambda node: isinstance(node, AbstractTransformer)  # noqa: E731
    registered = {
        type(node)
        for name in CONSTRUCTORS
        for node in jax.tree.leaves(bijection_and_points(name)[0], is_leaf=is_node)
        if is_node(node)
    }
    assert registered == concrete_subclasses(package, AbstractTransformer)


def test_every_bijection_is_public():
    for subclass in concrete_subclasses(package, AbstractBijection):
        assert subclass.__name__ in package.__all__
