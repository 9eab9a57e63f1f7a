"""The elementwise transformers by the names that architectures take as a setting."""

import difflib
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from retrodict.bijections import (
    AbstractTransformer,
    AdditiveTransformer,
    AffineTransformer,
    ComposedTransformer,
    CubicSplineTransformer,
    MonotoneNetworkTransformer,
    PiecewiseLinearTransformer,
    PiecewiseQuadraticTransformer,
    RationalQuadraticTransformer,
)
from retrodict.errors import ConfigurationError


@runtime_checkable
class TransformerBuilder(Protocol):
    """Makes a transformer; each takes the settings it has a use for."""

    def __call__(self, *, num_bins: int, bound: float, clamp: float) -> AbstractTransformer: ...


@runtime_checkable
class _SplineClass(Protocol):
    def __call__(self, *, num_bins: int, bound: float) -> AbstractTransformer: ...


def affine_then(spline: _SplineClass) -> TransformerBuilder:
    """An affine map, which brings values into the box of the spline, then the spline."""

    def build(*, num_bins: int, bound: float, clamp: float) -> AbstractTransformer:
        return ComposedTransformer(
            AffineTransformer(clamp=clamp), spline(num_bins=num_bins, bound=bound)
        )

    return build


def _additive(*, num_bins: int, bound: float, clamp: float) -> AbstractTransformer:
    del num_bins, bound, clamp
    return AdditiveTransformer()


def _affine(*, num_bins: int, bound: float, clamp: float) -> AbstractTransformer:
    del num_bins, bound
    return AffineTransformer(clamp=clamp)


def _monotone_network(*, num_bins: int, bound: float) -> AbstractTransformer:
    return MonotoneNetworkTransformer(num_units=num_bins, bound=bound)


SPLINES: dict[str, _SplineClass] = {
    "linear": PiecewiseLinearTransformer,
    "quadratic": PiecewiseQuadraticTransformer,
    "cubic": CubicSplineTransformer,
    "rational-quadratic": RationalQuadraticTransformer,
}

ELEMENTWISE: dict[str, TransformerBuilder] = {
    "additive": _additive,
    "affine": _affine,
    "monotone-network": affine_then(_monotone_network),
} | {name: affine_then(spline) for name, spline in SPLINES.items()}


def build_transformer(
    name: str, *, num_bins: int = 10, bound: float = 5.0, clamp: float = 3.0
) -> AbstractTransformer:
    """The transformer of that name.

    Args:
        name: one of `ELEMENTWISE`.
        num_bins: of a spline; units of a monotone network.
        bound: splines act on [-bound, bound]; units of a monotone network start there.
        clamp: bound of the log-scales of an affine map.

    Raises:
        ConfigurationError: unknown name.
    """
    _require_name(name, "transformer", ELEMENTWISE)
    return ELEMENTWISE[name](num_bins=num_bins, bound=bound, clamp=clamp)


def build_spline(name: str, *, num_bins: int, bound: float) -> AbstractTransformer:
    """The spline of that name, alone.

    Args:
        name: one of `SPLINES`.
        num_bins: between -bound and bound.
        bound: it acts on [-bound, bound].

    Raises:
        ConfigurationError: unknown name, or a number of bins or bound that cannot be.
    """
    _require_name(name, "spline", SPLINES)
    return SPLINES[name](num_bins=num_bins, bound=bound)


def _require_name(name: str, kind: str, known: Mapping[str, object]) -> None:
    if name not in known:
        nearest = difflib.get_close_matches(name, known, n=1)
        meant = f"Did you mean {nearest[0]!r}? " if nearest else ""
        raise ConfigurationError(
            f"Unknown {kind} {name!r}.", f"{meant}Available: {', '.join(known)}."
        )
