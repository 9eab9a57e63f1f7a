"""A base distribution seen through a bijection: a normalizing flow."""

import equinox as eqx

from retrodict.bijections.base import AbstractBijection
from retrodict.distributions.base import AbstractDistribution, check_condition, condition_for
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Key, Scalar


class Transformed(AbstractDistribution):
    """x = f^-1(z) with z from the base (Rezende & Mohamed 2015, arXiv:1505.05770).

        log p(x | c) = log p_base(f(x; c)) + log |det df/dx|

    Args:
        base: distribution of z.
        bijection: f, whose `forward` goes from x to z.
    """

    base: AbstractDistribution
    bijection: AbstractBijection
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: tuple[int, ...] | None = eqx.field(static=True)

    def __init__(self, base: AbstractDistribution, bijection: AbstractBijection) -> None:
        if base.shape != bijection.out_shape:
            raise ConfigurationError(
                f"A bijection must end in the shape of its base, {base.shape}; got "
                f"{bijection.out_shape}."
            )
        self.base = base
        self.bijection = bijection
        self.shape = bijection.shape
        self.cond_shape = bijection.cond_shape if base.cond_shape is None else base.cond_shape

    def log_prob(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> Scalar:
        check_condition(condition, self.cond_shape)
        z, log_det = self.bijection.forward_and_log_det(x, condition)
        return self.base.log_prob(z, condition_for(self.base, condition)) + log_det

    def sample(self, key: Key, condition: Float[Array, "..."] | None = None) -> Float[Array, "..."]:
        check_condition(condition, self.cond_shape)
        z = self.base.sample(key, condition_for(self.base, condition))
        return self.bijection.inverse(z, condition)

    def sample_and_log_prob(
        self, key: Key, condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "..."], Scalar]:
        check_condition(condition, self.cond_shape)
        z, log_prob = self.base.sample_and_log_prob(key, condition_for(self.base, condition))
        x, log_det = self.bijection.inverse_and_log_det(z, condition)
        return x, log_prob - log_det
