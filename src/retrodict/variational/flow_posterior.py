"""A posterior of any shape: a normal seen through a flow that the row sets."""

import equinox as eqx
import jax.numpy as jnp

from retrodict.distributions import AbstractDistribution
from retrodict.distributions.base import check_condition
from retrodict.typing import Array, Float, Key, Scalar


class FlowPosterior(AbstractDistribution):
    """q(z | x): z = loc + scale w, with w from a flow given features of x.

    Rezende and Mohamed (2015, arXiv:1505.05770); with features of the encoder as in Kingma et
    al. (2016, arXiv:1606.04934, section 3). Location and scale take what a normal can, and leave
    the form to the flow.

    Args:
        loc, log_scale: of each latent number.
        features: what the flow is told about x.
        flow: of w; draws with their densities are what training takes.
    """

    loc: Float[Array, " latent"]
    log_scale: Float[Array, " latent"]
    features: Float[Array, " features"]
    flow: AbstractDistribution
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(static=True)

    def __init__(
        self,
        loc: Float[Array, " latent"],
        log_scale: Float[Array, " latent"],
        features: Float[Array, " features"],
        flow: AbstractDistribution,
    ) -> None:
        self.loc = loc
        self.log_scale = log_scale
        self.features = features
        self.flow = flow
        self.shape = loc.shape
        self.cond_shape = None

    def log_prob(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> Scalar:
        check_condition(condition, self.cond_shape)
        w = (x - self.loc) * jnp.exp(-self.log_scale)
        return self.flow.log_prob(w, self.features) - self.log_scale.sum()

    def sample(self, key: Key, condition: Float[Array, "..."] | None = None) -> Float[Array, "..."]:
        check_condition(condition, self.cond_shape)
        return self.loc + jnp.exp(self.log_scale) * self.flow.sample(key, self.features)

    def sample_and_log_prob(
        self, key: Key, condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "..."], Scalar]:
        check_condition(condition, self.cond_shape)
        w, log_prob = self.flow.sample_and_log_prob(key, self.features)
        return self.loc + jnp.exp(self.log_scale) * w, log_prob - self.log_scale.sum()
