"""What every distribution promises."""

import abc

import equinox as eqx
import jax

from retrodict.bijections.base import require_condition
from retrodict.errors import ConditionError
from retrodict.typing import Array, Float, Key, Scalar


class AbstractGenerator(eqx.Module):
    """Draws of one example of a given shape, whose density may not be known.

    Attributes:
        shape: of one example.
        cond_shape: of one condition, or None where draws do not depend on one; a condition is
            then refused (`condition_for` is what a part of a model takes).
    """

    shape: eqx.AbstractVar[tuple[int, ...]]
    cond_shape: eqx.AbstractVar[tuple[int, ...] | None]

    @abc.abstractmethod
    def sample(self, key: Key, condition: Float[Array, "..."] | None = None) -> Float[Array, "..."]:
        """One draw."""

    def sample_many(
        self, key: Key, num_draws: int, condition: Float[Array, "..."] | None = None
    ) -> Float[Array, "draws ..."]:
        """`num_draws` independent draws under one condition."""
        return jax.vmap(lambda k: self.sample(k, condition))(jax.random.split(key, num_draws))


class AbstractDistribution(AbstractGenerator):
    """A probability distribution over one example: draws, and their density."""

    @abc.abstractmethod
    def log_prob(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> Scalar:
        """log p(x | condition) in nats; -inf outside the support."""

    def sample_and_log_prob(
        self, key: Key, condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "..."], Scalar]:
        """One draw and its log-density."""
        x = self.sample(key, condition)
        return x, self.log_prob(x, condition)


def check_condition(
    condition: Float[Array, "..."] | None, cond_shape: tuple[int, ...] | None
) -> None:
    """Raises a `ConditionError` unless the condition is what the distribution depends on."""
    if cond_shape is not None:
        require_condition(condition, cond_shape)
    elif condition is not None:
        raise ConditionError(
            "This distribution does not depend on a condition; got one of shape "
            f"{condition.shape}.",
            "Leave it out, or build the model with the length of the condition.",
        )


def condition_for(
    distribution: AbstractDistribution, condition: Float[Array, "..."] | None
) -> Float[Array, "..."] | None:
    """A model's condition for one of its parts: None if that part depends on none."""
    return None if distribution.cond_shape is None else condition
