"""Where x may lie, as a map from the whole real space."""

import abc
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from retrodict.bijections import BoundedToReal, StickBreaking
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Scalar


class AbstractSupport(eqx.Module):
    """A set of x with a differentiable map onto it.

    Attributes:
        dim: numbers in one x.
        num_free: dimensions of the set, hence of y.
    """

    dim: eqx.AbstractVar[int]
    num_free: eqx.AbstractVar[int]

    @abc.abstractmethod
    def __call__(self, y: Float[Array, " free"]) -> tuple[Float[Array, " dim"], Scalar]:
        """x and log |det dx/dy|, never outside the support."""

    @abc.abstractmethod
    def to_real(self, x: Float[Array, " dim"]) -> tuple[Float[Array, " free"], Scalar]:
        """y and log |det dy/dx|; -inf outside the support."""


class Box(AbstractSupport):
    """Each entry by itself: real, above or below a bound, or between two."""

    bounds: BoundedToReal
    dim: int = eqx.field(static=True)
    num_free: int = eqx.field(static=True)

    def __init__(self, lower: Sequence[float], upper: Sequence[float]) -> None:
        self.bounds = BoundedToReal(lower, upper)
        self.dim = len(self.bounds.lower)
        self.num_free = self.dim

    def __call__(self, y: Float[Array, " free"]) -> tuple[Float[Array, " dim"], Scalar]:
        return self.bounds.inverse_and_log_det(y)

    def to_real(self, x: Float[Array, " dim"]) -> tuple[Float[Array, " free"], Scalar]:
        return self.bounds.forward_and_log_det(x)


class Simplex(AbstractSupport):
    """Positive shares that sum to one; densities are per unit of all but the last.

    x holds all shares, each with full relative precision, however small.
    """

    sticks: StickBreaking
    dim: int = eqx.field(static=True)
    num_free: int = eqx.field(static=True)

    def __init__(self, num_shares: int) -> None:
        self.sticks = StickBreaking(num_shares)
        self.dim = num_shares
        self.num_free = num_shares - 1

    def __call__(self, y: Float[Array, " free"]) -> tuple[Float[Array, " dim"], Scalar]:
        log_shares = self.sticks.log_shares(y)
        limits = np.finfo(y.dtype)
        smallest = np.asarray(limits.tiny / limits.eps, y.dtype)
        return jnp.maximum(jnp.exp(log_shares), smallest), log_shares.sum()

    def to_real(self, x: Float[Array, " dim"]) -> tuple[Float[Array, " free"], Scalar]:
        return self.sticks.forward_and_log_det(x[:-1])


def as_support(support: str | Sequence[tuple[float, float]], dim: int) -> AbstractSupport:
    """The support that a user means.

    Args:
        support: "real", "positive", "simplex", or a pair (lower, upper) for each entry.
        dim: numbers in one x.

    Raises:
        ConfigurationError: another word, or not one pair per entry.
    """
    if dim < 1:
        raise ConfigurationError(f"`dim` has to be at least 1; got {dim}.", "Count x's numbers.")
    infinite = [np.inf] * dim
    if isinstance(support, str):
        if support == "real":
            return Box([-np.inf] * dim, infinite)
        if support == "positive":
            return Box([0.0] * dim, infinite)
        if support == "simplex":
            return Simplex(dim)
        raise ConfigurationError(
            f"Unknown support {support!r}.",
            'Use "real", "positive", "simplex", or one (lower, upper) per entry.',
        )
    if len(support) != dim or any(len(pair) != 2 for pair in support):
        raise ConfigurationError(
            f"Expected one pair (lower, upper) for each of {dim} entries; got {list(support)}.",
            "Use -inf and inf where there is no bound.",
        )
    return Box([pair[0] for pair in support], [pair[1] for pair in support])
