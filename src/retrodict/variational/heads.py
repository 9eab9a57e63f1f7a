"""What a label is given the latent numbers: one linear map, so that they have to tell it."""

import equinox as eqx
import jax
import jax.numpy as jnp

from retrodict.typing import Array, Float, Int, Scalar


class ClassHead(eqx.Module):
    """p(class | z) = softmax(W z + b).

    Args:
        num_classes: of labels, which count from 0.
        latent_dim: length of z.
    """

    weight: Float[Array, "classes latent"]
    bias: Float[Array, " classes"]

    def __init__(self, num_classes: int, latent_dim: int) -> None:
        self.weight = jnp.zeros((num_classes, latent_dim))
        self.bias = jnp.zeros(num_classes)

    def expected(self, z: Float[Array, " latent"]) -> Float[Array, " classes"]:
        """The probability of each class."""
        return jax.nn.softmax(self.weight @ z + self.bias)

    def log_prob(self, label: Int[Array, ""], z: Float[Array, " latent"]) -> Scalar:
        """log p(class | z)."""
        return jax.nn.log_softmax(self.weight @ z + self.bias)[label]


class NumberHead(eqx.Module):
    """p(number | z) = N(w z + b, sd^2), the deviation learned, of standardised numbers.

    Args:
        latent_dim: length of z.
    """

    weight: Float[Array, " latent"]
    bias: Float[Array, ""]
    log_sd: Float[Array, ""]

    def __init__(self, latent_dim: int) -> None:
        self.weight = jnp.zeros(latent_dim)
        self.bias = jnp.zeros(())
        self.log_sd = jnp.zeros(())

    def expected(self, z: Float[Array, " latent"]) -> Float[Array, " one"]:
        """The mean."""
        return (self.weight @ z + self.bias)[None]

    def log_prob(self, label: Float[Array, ""], z: Float[Array, " latent"]) -> Scalar:
        """log p(number | z)."""
        return jax.scipy.stats.norm.logpdf(label, self.expected(z)[0], jnp.exp(self.log_sd))
