"""Everything that a Bayesian network has learned, as one tree of arrays."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Float as NpFloat
from scipy.special import softmax

from retrodict._blocks import in_blocks
from retrodict.typing import Array, Float, Key
from retrodict.variational.last_layer import (
    LastLayer,
    linear_posterior,
    softmax_posterior,
)
from retrodict.variational.members import Members
from retrodict.variational.predictive import NormalMixture

_NUMBERS_AT_ONCE = 2**24


class BayesianModel(eqx.Module):
    """Networks, the posterior of their last layers, and how much noise held-out rows have.

    Attributes:
        members: the networks.
        last_layer: None unless it is what is uncertain.
        noise_factor: by which the noise that the networks learned is multiplied.
    """

    members: Members
    last_layer: LastLayer | None
    noise_factor: Float[Array, " targets"]

    def mixture(self, u: NpFloat[np.ndarray, "rows in"], key: Key, num_draws: int) -> NormalMixture:
        """What a regression predicts: one component for each network or draw of its weights."""
        factor = np.asarray(self.noise_factor, float)
        if self.last_layer is not None:
            return self._mixture_of_last_layers(u, factor)
        outputs = self._outputs(u, key, num_draws)
        means, log_sds = (np.asarray(part, float) for part in outputs)
        return NormalMixture(means, np.zeros_like(means), factor * np.exp(log_sds))

    def functions(
        self, u: NpFloat[np.ndarray, "rows in"], key: Key, num_draws: int
    ) -> NpFloat[np.ndarray, "draws rows outputs"]:
        """Outputs of the networks without their noise, each draw one function of all rows."""
        if self.last_layer is not None:
            features = _with_one(_features(self.members, u))
            rng = np.random.default_rng(np.asarray(jr.key_data(key)).tolist())
            return self.last_layer.draws(features, num_draws, rng)
        return self._outputs(u, key, num_draws)[0].astype(float)

    def with_last_layer(
        self,
        u: NpFloat[np.ndarray, "rows in"],
        targets: NpFloat[np.ndarray, "rows targets"],
        is_used: NpFloat[np.ndarray, "rows members"],
    ) -> "BayesianModel":
        """The same with the posterior of each last layer given the rows that its member used."""
        members = self.members
        features = _with_one(_features(members, u))
        joint = members.likelihood == "categorical"
        _, log_sds = (np.asarray(part, float) for part in _split(members, jnp.asarray(u)))
        parts = []
        for m in range(members.num_members):
            rows = is_used[:, m] > 0
            if joint:
                weights = _last_weights(members, m)
                # The prior of which they are the most probable weights.
                root = softmax_posterior(
                    features[m][rows],
                    softmax(features[m][rows] @ weights, axis=-1),
                    members.weight_decay,
                )
                parts.append((weights, root[None], np.ones(targets.shape[1])))
                continue
            noise = None if members.log_noise is not None else np.exp(log_sds[m][rows])
            each = [
                linear_posterior(
                    features[m][rows],
                    targets[rows, t].astype(float),
                    None if noise is None else noise[:, t],
                )
                for t in range(targets.shape[1])
            ]
            means, roots, noises = zip(*each, strict=True)
            parts.append((np.stack(means, axis=1), np.stack(roots), np.array(noises)))
        found = [jnp.asarray(np.stack(part), jnp.float32) for part in zip(*parts, strict=True)]
        return eqx.tree_at(lambda model: model.last_layer, self, LastLayer(*found))

    def _mixture_of_last_layers(
        self, u: NpFloat[np.ndarray, "rows in"], factor: NpFloat[np.ndarray, " targets"]
    ) -> NormalMixture:
        layer = self.last_layer
        if layer is None:
            raise TypeError("There is no posterior of a last layer.")
        means, sds = layer.means_and_sds(_with_one(_features(self.members, u)))
        if self.members.log_noise is not None:
            noise = np.broadcast_to(np.asarray(layer.noise_sd, float)[:, None], means.shape)
        else:
            noise = np.exp(np.asarray(_split(self.members, jnp.asarray(u))[1], float))
        return NormalMixture(means, sds, factor * noise)

    def _outputs(
        self, u: NpFloat[np.ndarray, "rows in"], key: Key, num_draws: int
    ) -> tuple[
        NpFloat[np.ndarray, "draws rows targets"], NpFloat[np.ndarray, "draws rows targets"]
    ]:
        """Means and log standard deviations, or logits twice; all members have equally many."""
        members = self.members
        repeats = max(1, -(-num_draws // members.num_members)) if members.is_random else 1
        block = max(256, _NUMBERS_AT_ONCE // (64 * repeats * members.num_members))

        def of_block(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            first, second = _function_values(members, jnp.asarray(rows), key, repeats)
            return np.moveaxis(np.asarray(first), 1, 0), np.moveaxis(np.asarray(second), 1, 0)

        first, second = in_blocks(of_block, u, block_size=block)
        return np.moveaxis(first, 0, 1), np.moveaxis(second, 0, 1)


@eqx.filter_jit
def _function_values(
    members: Members, u: Float[Array, "rows in"], key: Key, num_draws: int
) -> tuple[Float[Array, "draws rows targets"], Float[Array, "draws rows targets"]]:
    outputs = jax.lax.map(lambda key: members.functions(u, key), jr.split(key, num_draws))
    outputs = outputs.reshape(-1, *outputs.shape[2:])
    if members.likelihood == "categorical":
        return outputs, outputs
    # Draws of one member come every `num_members` components.
    by_draw = outputs.reshape(-1, members.num_members, *outputs.shape[1:])
    means, log_sds = jax.vmap(members.split)(by_draw)
    shape = (-1, *means.shape[2:])
    return means.reshape(shape), log_sds.reshape(shape)


@eqx.filter_jit
def _features_jitted(
    members: Members, u: Float[Array, "rows in"]
) -> Float[Array, "members rows hidden"]:
    return members.features(u)


def _features(
    members: Members, u: NpFloat[np.ndarray, "rows in"]
) -> NpFloat[np.ndarray, "members rows hidden"]:
    return np.asarray(_features_jitted(members, jnp.asarray(u)), float)


@eqx.filter_jit
def _split(
    members: Members, u: Float[Array, "rows in"]
) -> tuple[Float[Array, "members rows targets"], Float[Array, "members rows targets"]]:
    outputs = members.outputs(u, None)
    return (outputs, outputs) if members.likelihood == "categorical" else members.split(outputs)


def _with_one(
    features: NpFloat[np.ndarray, "members rows hidden"],
) -> NpFloat[np.ndarray, "members rows inputs"]:
    """With a constant feature, whose weight is the bias."""
    return np.concatenate([features, np.ones((*features.shape[:2], 1))], axis=-1)


def _last_weights(members: Members, m: int) -> NpFloat[np.ndarray, "inputs targets"]:
    """Weights of the last layer of a plain network, with those of the bias as the last input."""
    last: Any = members.networks.layers[-1]
    weight, bias = np.asarray(last.weight[m], float), np.asarray(last.bias[m], float)
    return np.concatenate([weight, bias[:, None]], axis=1).T
