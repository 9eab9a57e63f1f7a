"""Dense networks whose weights are random variables."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

from retrodict.errors import ConfigurationError
from retrodict.networks.dense import require_sizes
from retrodict.networks.mlp import ACTIVATIONS, require_activation
from retrodict.typing import Array, Float, Key, Scalar

# Of the posterior of a weight before training, relative to the prior's.
_START_SD = 0.05


class BayesianLinear(eqx.Module):
    """y = W x + b with independent normal weights and a normal prior.

    q(w_i) = N(mean_i, sd_i^2), p(w_i) = N(0, prior_sd^2): the mean-field posterior of Graves
    (2011) and Blundell et al. (2015, arXiv:1505.05424).

    Args:
        in_size: length of x.
        out_size: length of y.
        prior_sd: of the prior of every weight, in units of 1 / sqrt(in_size); "learned" starts at
            1 and follows the weights (empirical Bayes), one for the layer.
    """

    mean: Float[Array, "out in"]
    log_sd: Float[Array, "out in"]
    bias_mean: Float[Array, " out"]
    bias_log_sd: Float[Array, " out"]
    log_prior_sd: Scalar | None
    fixed_prior_sd: float = eqx.field(static=True)

    def __init__(self, in_size: int, out_size: int, prior_sd: float | str, *, key: Key) -> None:
        unit = in_size**-0.5
        self.fixed_prior_sd = unit if isinstance(prior_sd, str) else unit * prior_sd
        self.log_prior_sd = jnp.log(jnp.asarray(unit)) if isinstance(prior_sd, str) else None
        self.mean = unit * jr.normal(key, (out_size, in_size))
        self.log_sd = jnp.full((out_size, in_size), jnp.log(_START_SD * unit))
        self.bias_mean = jnp.zeros(out_size)
        self.bias_log_sd = jnp.full(out_size, jnp.log(_START_SD * unit))

    def __call__(self, x: Float[Array, "*rows in"], key: Key) -> Float[Array, "*rows out"]:
        """A draw of y by local reparametrisation (Kingma et al. 2015, arXiv:1506.02557).

        y given x is normal under q, and is drawn itself, for each row by itself: less noise in
        the gradient than from one draw of the weights for all rows.
        """
        mean = x @ self.mean.T + self.bias_mean
        variance = x**2 @ jnp.exp(2 * self.log_sd).T + jnp.exp(2 * self.bias_log_sd)
        return mean + jnp.sqrt(variance) * jr.normal(key, mean.shape, mean.dtype)

    def draw(self, key: Key) -> tuple[Float[Array, "out in"], Float[Array, " out"]]:
        """Weights and biases from their posterior."""
        key_weights, key_bias = jr.split(key)
        weights = self.mean + jnp.exp(self.log_sd) * jr.normal(key_weights, self.mean.shape)
        bias = self.bias_mean + jnp.exp(self.bias_log_sd) * jr.normal(
            key_bias, self.bias_mean.shape
        )
        return weights, bias

    def kl(self) -> Scalar:
        """KL(q || p) in nats, in closed form."""
        weights = _normal_kl(self.mean, self.log_sd, self._log_prior)
        return weights + _normal_kl(self.bias_mean, self.bias_log_sd, self._log_prior)

    def sampled_kl(self, key: Key) -> Scalar:
        """log q(w) - log p(w) at one draw of the weights: KL(q || p) in expectation."""
        weights, bias = self.draw(key)
        return _log_ratio(weights, self.mean, self.log_sd, self._log_prior) + _log_ratio(
            bias, self.bias_mean, self.bias_log_sd, self._log_prior
        )

    @property
    def _log_prior(self) -> Scalar:
        if self.log_prior_sd is None:
            return jnp.log(jnp.asarray(self.fixed_prior_sd))
        return self.log_prior_sd


def _normal_kl(mean: Float[Array, "..."], log_sd: Float[Array, "..."], log_prior: Scalar) -> Scalar:
    """Sum over entries of KL(N(mean, sd^2) || N(0, prior_sd^2))."""
    log_ratio = log_sd - log_prior
    return ((jnp.exp(2 * log_ratio) + (mean * jnp.exp(-log_prior)) ** 2 - 1) / 2 - log_ratio).sum()


def _log_ratio(
    draw: Float[Array, "..."],
    mean: Float[Array, "..."],
    log_sd: Float[Array, "..."],
    log_prior: Scalar,
) -> Scalar:
    """Sum over entries of log N(draw; mean, sd^2) - log N(draw; 0, prior_sd^2)."""
    posterior = -log_sd - (draw - mean) ** 2 * jnp.exp(-2 * log_sd) / 2
    prior = -log_prior - draw**2 * jnp.exp(-2 * log_prior) / 2
    return (posterior - prior).sum()


class BayesianNetwork(eqx.Module):
    """Layers of `BayesianLinear` with an activation after all but the last.

    Args:
        sizes: of the input, of each hidden layer and of the output.
        activation: one of `ACTIVATIONS`.
        prior_sd: see `BayesianLinear`.

    Raises:
        ConfigurationError: sizes or an activation that make no network, a prior without width.
    """

    layers: tuple[BayesianLinear, ...]
    activation: str = eqx.field(static=True)

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str = "relu",
        *,
        prior_sd: float | str = "learned",
        key: Key,
    ) -> None:
        require_activation(activation)
        require_sizes(sizes)
        if prior_sd != "learned" and (isinstance(prior_sd, str) or not prior_sd > 0):
            raise ConfigurationError(
                f"`prior_sd` is a positive number or 'learned'; got {prior_sd!r}.", 'Use "learned".'
            )
        keys = jr.split(key, len(sizes) - 1)
        self.layers = tuple(
            BayesianLinear(a, b, prior_sd, key=k)
            for a, b, k in zip(sizes[:-1], sizes[1:], keys, strict=True)
        )
        self.activation = activation

    def __call__(self, x: Float[Array, "*rows in"], key: Key) -> Float[Array, "*rows out"]:
        """A draw of the output, by local reparametrisation layer by layer."""
        activation = ACTIVATIONS[self.activation]
        *keys, key_last = jr.split(key, len(self.layers))
        for layer, key_layer in zip(self.layers[:-1], keys, strict=True):
            x = activation(layer(x, key_layer))
        return self.layers[-1](x, key_last)

    def function(self, x: Float[Array, "rows in"], key: Key) -> Float[Array, "rows out"]:
        """One function from the posterior: the same weights for all rows."""
        activation = ACTIVATIONS[self.activation]
        keys = jr.split(key, len(self.layers))
        for i, (layer, key_layer) in enumerate(zip(self.layers, keys, strict=True)):
            weights, bias = layer.draw(key_layer)
            x = x @ weights.T + bias
            x = activation(x) if i < len(self.layers) - 1 else x
        return x

    def kl(self) -> Scalar:
        """KL(q || p) of all weights, in nats."""
        return jnp.stack([layer.kl() for layer in self.layers]).sum()

    def sampled_kl(self, key: Key) -> Scalar:
        """An unbiased estimate of `kl` from one draw of all weights."""
        keys = jr.split(key, len(self.layers))
        estimates = [layer.sampled_kl(k) for layer, k in zip(self.layers, keys, strict=True)]
        return jnp.stack(estimates).sum()
