"""A mixture of distributions of one family."""

import equinox as eqx
import jax
import jax.random as jr

from retrodict.distributions.base import AbstractDistribution
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Int, Key, Scalar


class Mixture(AbstractDistribution):
    """log p(x) = log sum_k w_k p_k(x), with w = softmax(logits).

    Args:
        components: one distribution whose arrays have a leading axis over the components, as
            `eqx.filter_vmap` builds it.
        logits: one unconstrained number per component.

    Example:
        >>> components = eqx.filter_vmap(Normal)(jnp.array([[-2.0], [1.0]]), jnp.ones((2, 1)))
        >>> mixture = Mixture(components, jnp.log(jnp.array([0.3, 0.7])))
    """

    components: AbstractDistribution
    logits: Float[Array, " components"]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: tuple[int, ...] | None = eqx.field(static=True)

    def __init__(
        self, components: AbstractDistribution, logits: Float[Array, " components"]
    ) -> None:
        self.components = components
        self.logits = logits
        self.shape = components.shape
        self.cond_shape = components.cond_shape

    def __check_init__(self) -> None:
        num_components = self.logits.shape[0]
        for leaf in jax.tree.leaves(eqx.filter(self.components, eqx.is_array)):
            if leaf.shape[:1] != (num_components,):
                raise ConfigurationError(
                    f"Expected arrays with a leading axis over {num_components} components; got "
                    f"one of shape {leaf.shape}.",
                    "Build the components with `equinox.filter_vmap(Normal)(locs, scales)`.",
                )

    def component(self, index: int | Int[Array, ""]) -> AbstractDistribution:
        """One of the components."""
        arrays, others = eqx.partition(self.components, eqx.is_array)
        chosen: AbstractDistribution = eqx.combine(
            jax.tree.map(lambda leaf: leaf[index], arrays), others
        )
        return chosen

    def log_prob(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> Scalar:
        log_probs = eqx.filter_vmap(lambda component: component.log_prob(x, condition))(
            self.components
        )
        return jax.nn.logsumexp(jax.nn.log_softmax(self.logits) + log_probs)

    def sample(self, key: Key, condition: Float[Array, "..."] | None = None) -> Float[Array, "..."]:
        key_component, key_draw = jr.split(key)
        index = jr.categorical(key_component, self.logits)
        return self.component(index).sample(key_draw, condition)
