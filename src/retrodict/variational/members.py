"""Equal networks, trained side by side in one program, that predict with probabilities."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from retrodict.networks import BayesianNetwork, DenseNetwork
from retrodict.typing import Array, Float, Key

_LARGEST_LOG = 15.0


class Members(eqx.Module):
    """Networks with the same layers and different weights, each with a likelihood of the targets.

    Args:
        sizes: of input, hidden layers and targets; a network has as many outputs again where the
            noise depends on the input.
        num_members: how many networks.
        method: "variational" for normal posteriors over their weights, "dropout" for units that
            are left out at random, anything else for plain networks.
        likelihood: "gaussian" of numbers, "categorical" of one indicator per class.
        activation: see `networks.DenseNetwork`.
        dropout: likewise.
        prior_sd: see `networks.BayesianLinear`.
        weight_decay: of plain networks, lambda in the complexity lambda / 2 |W|^2.
        noise_sd: of a Gaussian, one for each target; None to learn them.
        is_heteroscedastic: whether the noise is an output of the network, too.
    """

    networks: DenseNetwork | BayesianNetwork
    log_noise: Float[Array, "members targets"] | None
    fixed_noise: tuple[float, ...] | None = eqx.field(static=True)
    weight_decay: float = eqx.field(static=True)
    likelihood: str = eqx.field(static=True)
    is_heteroscedastic: bool = eqx.field(static=True)
    num_members: int = eqx.field(static=True)

    def __init__(
        self,
        sizes: Sequence[int],
        num_members: int,
        *,
        method: str,
        likelihood: str,
        activation: str,
        dropout: float,
        prior_sd: float | str,
        weight_decay: float,
        noise_sd: Sequence[float] | None,
        is_heteroscedastic: bool,
        key: Key,
    ) -> None:
        *before, targets = sizes
        shape = [*before, 2 * targets if is_heteroscedastic else targets]

        @eqx.filter_vmap
        def built(key: Key) -> DenseNetwork | BayesianNetwork:
            if method == "variational":
                return BayesianNetwork(shape, activation, prior_sd=prior_sd, key=key)
            return DenseNetwork(
                shape, activation, dropout=dropout if method == "dropout" else 0.0, key=key
            )

        self.networks = built(jr.split(key, num_members))
        is_learned = likelihood == "gaussian" and noise_sd is None and not is_heteroscedastic
        self.log_noise = jnp.zeros((num_members, targets)) if is_learned else None
        self.fixed_noise = None if noise_sd is None else tuple(float(sd) for sd in noise_sd)
        self.weight_decay = weight_decay
        self.likelihood = likelihood
        self.is_heteroscedastic = is_heteroscedastic
        self.num_members = num_members

    @property
    def is_random(self) -> bool:
        """Whether a network gives another answer at each draw."""
        return isinstance(self.networks, BayesianNetwork) or self.networks.dropout > 0

    def outputs(
        self, x: Float[Array, "rows in"], key: Key | None
    ) -> Float[Array, "members rows outputs"]:
        """What the networks say of each row, with a draw of the weights or units of its own."""

        def of_one(network: DenseNetwork | BayesianNetwork, key: Key | None) -> Array:
            if isinstance(network, BayesianNetwork):
                if key is None:
                    raise TypeError("A posterior over weights needs a key to draw from.")
                return network(x, key)
            if key is None or network.dropout == 0:
                return jax.vmap(network)(x)
            return jax.vmap(network)(x, jr.split(key, len(x)))

        return self._for_each(of_one, key)

    def functions(
        self, x: Float[Array, "rows in"], key: Key
    ) -> Float[Array, "members rows outputs"]:
        """The same with one draw for all rows: values of one function for each network."""

        def of_one(network: DenseNetwork | BayesianNetwork, key: Key) -> Array:
            if isinstance(network, BayesianNetwork):
                return network.function(x, key)
            return jax.vmap(lambda row: network(row, key))(x)

        return self._for_each(of_one, key)

    def features(self, x: Float[Array, "rows in"]) -> Float[Array, "members rows hidden"]:
        """What the last layers see, of plain networks."""
        return eqx.filter_vmap(lambda network: jax.vmap(network.features)(x))(self.networks)

    def split(
        self, outputs: Float[Array, "members rows outputs"]
    ) -> tuple[Float[Array, "members rows targets"], Float[Array, "members rows targets"]]:
        """Means and log standard deviations of a Gaussian."""
        if self.is_heteroscedastic:
            means, log_sds = jnp.split(outputs, 2, axis=-1)
        elif self.log_noise is not None:
            means, log_sds = outputs, self.log_noise[:, None]
        else:
            means, log_sds = outputs, jnp.log(jnp.asarray(self.fixed_noise, float))
        log_sds = jnp.clip(log_sds, -_LARGEST_LOG, _LARGEST_LOG)
        return means, jnp.broadcast_to(log_sds, means.shape)

    def log_likelihood(
        self, x: Float[Array, "rows in"], y: Float[Array, "rows targets"], key: Key | None
    ) -> Float[Array, "members rows"]:
        """log p(y | x, w) of each row for each network."""
        outputs = self.outputs(x, key)
        if self.likelihood == "categorical":
            return (y * jax.nn.log_softmax(outputs)).sum(axis=-1)
        means, log_sds = self.split(outputs)
        squares = ((y - means) * jnp.exp(-log_sds)) ** 2
        return -(squares / 2 + log_sds + jnp.log(2 * jnp.pi) / 2).sum(axis=-1)

    def predicted_mean(
        self, x: Float[Array, "rows in"], key: Key | None
    ) -> Float[Array, "members rows targets"]:
        """E[y | x, w] of each row for each network."""
        outputs = self.outputs(x, key)
        return (
            jax.nn.softmax(outputs) if self.likelihood == "categorical" else self.split(outputs)[0]
        )

    def complexity(self, key: Key | None) -> Float[Array, " members"]:
        """KL(q || p) of the weights, or lambda / 2 |W|^2 of plain networks."""

        def of_one(network: DenseNetwork | BayesianNetwork, key: Key | None) -> Array:
            if isinstance(network, BayesianNetwork):
                return network.kl() if key is None else network.sampled_kl(key)
            squares = [jnp.sum(layer.weight**2) for layer in network.layers]
            return self.weight_decay / 2 * jnp.stack(squares).sum()

        return self._for_each(of_one, key)

    def _for_each(self, function: Callable[..., Array], key: Key | None) -> Array:
        keys = None if key is None else jr.split(key, self.num_members)
        return eqx.filter_vmap(function)(self.networks, keys)
