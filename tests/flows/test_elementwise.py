"""Elementwise transformers chosen by name."""

import jax
import jax.random as jr
import pytest

from retrodict.bijections import (
    AbstractTransformer,
    CubicSplineTransformer,
    PiecewiseLinearTransformer,
    PiecewiseQuadraticTransformer,
    RationalQuadraticTransformer,
)
from retrodict.errors import ConfigurationError
from retrodict.flows import get_architecture
from retrodict.flows.elementwise import build_spline, build_transformer

SPLINES = {
    "linear": PiecewiseLinearTransformer,
    "quadratic": PiecewiseQuadraticTransformer,
    "cubic": CubicSplineTransformer,
    "rational-quadratic": RationalQuadraticTransformer,
}


@pytest.mark.parametrize("name", SPLINES)
def test_a_spline_coupling_uses_the_spline_it_is_told(name):
    architecture = get_architecture(
        "spline-coupling", spline=name, num_bins=7, bound=4.0, num_layers=2, width=4, depth=1
    )
    flow = architecture.build(2, 1, key=jr.key(0))
    is_spline = lambda node: isinstance(node, tuple(SPLINES.values()))  # noqa: E731
    found = [node for node in jax.tree.leaves(flow, is_leaf=is_spline) if is_spline(node)]
    assert found
    assert all(spline == SPLINES[name](7, 4.0) for spline in found)


def test_splines_stand_behind_an_affine_map_where_a_flow_asks_for_a_transformer():
    for name, spline in SPLINES.items():
        transformer = build_transformer(name, num_bins=6)
        assert isinstance(transformer, AbstractTransformer)
        assert transformer.num_parameters == 2 + spline(6).num_parameters


def test_unknown_names_are_refused_with_the_list():
    with pytest.raises(ConfigurationError, match="linear, quadratic, cubic, rational-quadratic"):
        build_spline("cubik", num_bins=5, bound=3.0)
    with pytest.raises(ConfigurationError, match=r"Unknown transformer 'afine'.*\n.*'affine'"):
        build_transformer("afine")
    with pytest.raises(ConfigurationError, match="spline 'quartic'"):
        get_architecture("spline-coupling", spline="quartic").build(2, key=jr.key(0))
