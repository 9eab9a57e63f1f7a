"""The evidence lower bound: what trains a model with a latent variable."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from retrodict.distributions import LatentVariableModel, normal_kl
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Key, Scalar

Batch = tuple[Float[Array, "rows ..."], Float[Array, "rows ..."] | None]


class NegativeELBO(eqx.Module):
    """Mean over the batch of a bound on -log p(x | c), in nats.

        elbo:                 E_q log p(x | z, c) - KL(q(z | x, c) || p(z | c))
        importance-weighted:  E log 1/S sum_s p(x | z_s, c) p(z_s | c) / q(z_s | x, c)

    z ~ q(z | x, c), differentiated through the draw (Kingma & Welling 2013, arXiv:1312.6114,
    eq. 8 with the divergence in closed form; Burda et al. 2015, arXiv:1509.00519, eq. 8). The
    gap of the first is KL(q || p(z | x, c)); the second is tighter, more so with more draws,
    and leaves less for the encoder to learn.

    Args:
        num_samples: draws of z for each row. They make the first bound quieter, and the second
            also tighter.
        bound: "elbo" or "importance-weighted"; the same in expectation for one draw.

    Raises:
        ConfigurationError: no draws, or no such bound.
    """

    num_samples: int = eqx.field(default=1, static=True)
    bound: str = eqx.field(default="elbo", static=True)

    def __check_init__(self) -> None:
        if self.num_samples < 1:
            raise ConfigurationError(
                f"Each row needs at least one draw; got num_samples={self.num_samples}.", "Use 1."
            )
        if self.bound not in ("elbo", "importance-weighted"):
            raise ConfigurationError(
                f"Unknown bound {self.bound!r}.", 'Use "elbo" or "importance-weighted".'
            )

    def __call__(self, model: LatentVariableModel, batch: Batch, key: Key) -> Scalar:
        """The loss. The same key gives the same draws of z."""
        x, condition = batch
        bound = elbo if self.bound == "elbo" else importance_weighted_bound

        def of_row(
            x: Float[Array, "..."], condition: Float[Array, "..."] | None, key: Key
        ) -> Scalar:
            return bound(model, x, condition, key, num_samples=self.num_samples)

        return -jnp.mean(jax.vmap(of_row)(x, condition, jr.split(key, len(x))))


def elbo(
    model: LatentVariableModel,
    x: Float[Array, " dim"],
    condition: Float[Array, " cond"] | None,
    key: Key,
    *,
    num_samples: int = 1,
) -> Scalar:
    """An unbiased estimate of E_q log p(x | z, c) - KL(q(z | x, c) || p(z | c)) of one example.

    Only the first term is estimated; the divergence of two normals is exact.
    """
    posterior = model.encode(x, condition)
    z = posterior.sample_many(key, num_samples)
    reconstruction = jax.vmap(lambda z: model.decode(z, condition).log_prob(x))(z).mean()
    return reconstruction - normal_kl(posterior, model.prior_at(condition)).sum()


def importance_weighted_bound(
    model: LatentVariableModel,
    x: Float[Array, " dim"],
    condition: Float[Array, " cond"] | None,
    key: Key,
    *,
    num_samples: int = 1,
) -> Scalar:
    """log of the mean importance weight of `num_samples` draws of z, for one example.

    Below log p(x | c) in expectation, and equal to it in the limit of many draws, whatever the
    encoder, as long as it leaves out no z.
    """
    posterior = model.encode(x, condition)
    prior = model.prior_at(condition)

    def log_weight(key: Key) -> Scalar:
        z = posterior.sample(key)
        reconstruction = model.decode(z, condition).log_prob(x)
        return reconstruction + prior.log_prob(z) - posterior.log_prob(z)

    log_weights = jax.vmap(log_weight)(jr.split(key, num_samples))
    return jax.nn.logsumexp(log_weights) - jnp.log(jnp.asarray(num_samples, x.dtype))
