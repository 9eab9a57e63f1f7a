"""What every bijection promises."""

import abc

import equinox as eqx

from retrodict.errors import ConditionError
from retrodict.typing import Array, Float, Scalar


class AbstractBijection(eqx.Module):
    """An invertible, differentiable map of one example, with its log-determinants.

    `forward` is the normalising direction z = f(x), `inverse` the generative one
    x = f^-1(z). `vmap` at the edge maps a batch.

    Attributes:
        shape: of one x.
        cond_shape: of one condition, or None where the map does not depend on one. A map
            without a condition accepts and ignores the condition of the chain it stands in.
    """

    shape: eqx.AbstractVar[tuple[int, ...]]
    cond_shape: eqx.AbstractVar[tuple[int, ...] | None]

    @property
    def out_shape(self) -> tuple[int, ...]:
        """Shape of one z: that of x, except where entries are rearranged (squeezed images)."""
        return self.shape

    @abc.abstractmethod
    def forward_and_log_det(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "..."], Scalar]:
        """z = f(x) and log |det df/dx|."""

    @abc.abstractmethod
    def inverse_and_log_det(
        self, z: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "..."], Scalar]:
        """x = f^-1(z) and log |det df^-1/dz|."""

    def forward(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> Float[Array, "..."]:
        """z = f(x)."""
        return self.forward_and_log_det(x, condition)[0]

    def inverse(
        self, z: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> Float[Array, "..."]:
        """x = f^-1(z)."""
        return self.inverse_and_log_det(z, condition)[0]


def require_condition(
    condition: Float[Array, "..."] | None, cond_shape: tuple[int, ...]
) -> Float[Array, "..."]:
    """The condition itself, or a named error that says which one was expected."""
    if condition is None:
        raise ConditionError(
            f"This map is conditional on an array of shape {cond_shape}; none was given.",
            "Pass `condition=`, or build the model without one.",
        )
    if condition.shape != cond_shape:
        raise ConditionError(
            f"Expected a condition of shape {cond_shape}; got {condition.shape}.",
            "One example at a time: map over a batch with `jax.vmap`.",
        )
    return condition
