"""Any distribution made conditional: a network sets its parameters."""

from collections.abc import Callable

import equinox as eqx
import jax
from jax.flatten_util import ravel_pytree

from retrodict.bijections.base import require_condition
from retrodict.distributions.base import AbstractDistribution
from retrodict.typing import Array, Float, Key, Scalar


class Conditional(AbstractDistribution):
    """p(x; theta(c)), theta(c) = theta_0 + network(c), theta_0 the template's own parameters.

    With a mixture of normals as template it is the mixture density network of Bishop (1994,
    NCRG/94/004). A network whose last layer starts at zero starts it as the template.

    Args:
        template: unconditional; every floating-point array in it is an unconstrained parameter.
        network: from a condition to `num_parameters(template)` numbers.
        cond_dim: length of the condition.
    """

    template: AbstractDistribution
    network: Callable[[Float[Array, " cond"]], Float[Array, " parameters"]]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        template: AbstractDistribution,
        network: Callable[[Float[Array, " cond"]], Float[Array, " parameters"]],
        cond_dim: int,
    ) -> None:
        self.template = template
        self.network = network
        self.shape = template.shape
        self.cond_shape = (cond_dim,)

    def at(self, condition: Float[Array, " cond"] | None) -> AbstractDistribution:
        """The unconditional distribution of x under one condition."""
        condition = require_condition(condition, self.cond_shape)
        parameters, static = eqx.partition(self.template, eqx.is_inexact_array)
        flat, unravel = ravel_pytree(parameters)
        return eqx.combine(unravel(flat + self.network(condition)), static)

    def log_prob(
        self, x: Float[Array, "..."], condition: Float[Array, " cond"] | None = None
    ) -> Scalar:
        return self.at(condition).log_prob(x)

    def sample(
        self, key: Key, condition: Float[Array, " cond"] | None = None
    ) -> Float[Array, "..."]:
        return self.at(condition).sample(key)


def num_parameters(template: AbstractDistribution) -> int:
    """How many numbers a network has to give for `Conditional(template, network, ...)`."""
    return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(template, eqx.is_inexact_array)))
