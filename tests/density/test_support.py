import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from retrodict.density.support import as_support
from retrodict.errors import ConfigurationError


@pytest.mark.parametrize(
    ("support", "dim"),
    [("real", 2), ("positive", 2), ("simplex", 3), ([(0.0, 1.0), (-np.inf, 2.0)], 2)],
)
def test_there_and_back_inside_the_support(support, dim):
    with jax.enable_x64(True):
        made = as_support(support, dim)
        y = jax.random.normal(jax.random.key(0), (50, made.num_free))
        x, log_det = jax.vmap(made)(y)
        returned, back = jax.vmap(made.to_real)(x)
    assert x.shape == (50, made.dim)
    assert_allclose(returned, y, atol=1e-9)
    assert_allclose(log_det, -np.asarray(back), atol=1e-9)
    if support == "simplex":
        assert_allclose(np.asarray(x).sum(axis=1), 1)
    if support in ("positive", "simplex"):
        assert (np.asarray(x) > 0).all()


def test_small_shares_keep_their_digits():
    y = jnp.array([30.0, -5.0], jnp.float32)
    x, log_det = as_support("simplex", 3)(y)
    assert_allclose(np.log(x).sum(), log_det, rtol=1e-5)
    assert 0 < x.min() < 1e-12


@pytest.mark.parametrize(
    ("support", "dim", "message"),
    [
        ("sphere", 2, "'sphere'"),
        ("real", 0, "at least 1"),
        ("simplex", 1, "two shares"),
        ([(0.0, 1.0)], 2, "each of 2 entries"),
        ([(0.0, 1.0), (1.0, 0.0)], 2, "lower < upper"),
    ],
)
def test_what_is_no_support(support, dim, message):
    with pytest.raises(ConfigurationError, match=message):
        as_support(support, dim)
