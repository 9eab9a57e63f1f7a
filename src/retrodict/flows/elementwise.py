"""The elementwise transformers by the names that architectures take as a setting."""

import difflib
from typing import Protocol, runtime_checkable

from retrodict.bijections import (
    AbstractTransformer,
    AdditiveTransformer,
    AffineTransformer,
    ComposedTransformer,
    MonotoneNetworkTransformer,
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


ELEMENTWISE: dict[str, TransformerBuilder] = {
    "additive": _additive,
    "affine": _affine,
    "monotone-network": affine_then(_monotone_network),
    "rational-quadratic": affine_then(RationalQuadraticTransformer),
}


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
    if name not in ELEMENTWISE:
        nearest = difflib.get_close_matches(name, ELEMENTWISE, n=1)
        meant = f"Did you mean {nearest[0]!r}? " if nearest else ""
        raise ConfigurationError(
            f"Unknown transformer {name!r}.", f"{meant}Available: {', '.join(ELEMENTWISE)}."
        )
    return ELEMENTWISE[name](num_bins=num_bins, bound=bound, clamp=clamp)
