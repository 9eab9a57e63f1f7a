"""The tests' own settings hold: shapes are checked, promotion is strict, warnings are errors."""

import warnings

import jax.numpy as jnp
import jaxtyping
import pytest

from retrodict.bijections.base import require_condition
from retrodict.variables import Variable


def test_shapes_are_checked_at_run_time():
    with pytest.raises(jaxtyping.TypeCheckError):
        require_condition(jnp.arange(3), (3,))


def test_promotion_is_strict():
    with pytest.raises(Exception, match="promotion"):
        jnp.ones(2, dtype=jnp.float32) + jnp.ones(2, dtype=jnp.int32)


def test_warnings_are_errors():
    with pytest.raises(UserWarning, match="of a test"):
        warnings.warn("of a test", UserWarning, stacklevel=1)


def test_a_whole_number_is_a_float():
    assert Variable("x", lower=0, upper=1).label == "x"
    with pytest.raises(jaxtyping.TypeCheckError):
        Variable("x", lower="0")
