"""A network on point clouds that commutes with the motions of space and with relabelling."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from retrodict.errors import ConfigurationError
from retrodict.networks.mlp import ACTIVATIONS, MLP
from retrodict.networks.vector_field import num_time_features, time_features
from retrodict.typing import Array, Float, Key, Scalar


class MessageLayer(eqx.Module):
    """One round of messages between all particles (Satorras et al. 2021, eqs. 3-6).

        m_ij = phi_e(h_i, h_j, |x_i - x_j|^2, |x_i - x_j|^2 at first),
        x_i <- x_i + sum_j (x_i - x_j) phi_x(m_ij) / (|x_i - x_j| + 1),
        h_i <- h_i + phi_h(h_i, sum_j e_ij m_ij),   e_ij = sigmoid(phi_inf(m_ij)).

    Sums are over j other than i, divided by their number; distances enter through `radial`.
    """

    receiver: eqx.nn.Linear
    sender: eqx.nn.Linear
    edge: eqx.nn.Linear
    second: eqx.nn.Linear
    gate: eqx.nn.Linear
    shift: MLP
    node: MLP
    activation: str = eqx.field(static=True)

    def __init__(self, width: int, num_radial: int, activation: str, *, key: Key) -> None:
        keys = jr.split(key, 7)
        # phi_e begins linearly: what it makes of h_i, of h_j and of the distance adds up, and
        # h need not be copied for each pair.
        self.receiver = eqx.nn.Linear(width, width, key=keys[0])
        self.sender = eqx.nn.Linear(width, width, use_bias=False, key=keys[1])
        self.edge = eqx.nn.Linear(2 * num_radial, width, use_bias=False, key=keys[2])
        self.second = eqx.nn.Linear(width, width, key=keys[3])
        self.gate = eqx.nn.Linear(width, 1, key=keys[4])
        self.shift = MLP(width, 1, width, 1, activation, key=keys[5])
        self.node = MLP(2 * width, width, width, 1, activation, key=keys[6])
        self.activation = activation

    def __call__(
        self,
        x: Float[Array, "particles space"],
        h: Float[Array, "particles width"],
        at_first: Float[Array, "particles particles radial"],
        radial: Callable[[Array], Array],
    ) -> tuple[Float[Array, "particles space"], Float[Array, "particles width"]]:
        num = len(x)
        difference = x[:, None] - x
        squared = (difference**2).sum(axis=-1)
        of_edge = _pairwise(self.edge)(jnp.concatenate([radial(squared), at_first], axis=-1))
        activation = ACTIVATIONS[self.activation]
        message = activation(
            jax.vmap(self.receiver)(h)[:, None] + jax.vmap(self.sender)(h) + of_edge
        )
        message = activation(_pairwise(self.second)(message))
        others = (1 - jnp.eye(num, dtype=x.dtype))[..., None] / max(num - 1, 1)
        step = others * _pairwise(self.shift)(message) / (_distance(squared)[..., None] + 1)
        x = x + (difference * step).sum(axis=1)
        gates = others * jax.nn.sigmoid(_pairwise(self.gate)(message))
        received = (gates * message).sum(axis=1)
        h = h + jax.vmap(self.node)(jnp.concatenate([h, received], axis=-1))
        return x, h


class EquivariantVectorField(eqx.Module):
    """v(t, x; c) of a point cloud by an E(n)-equivariant graph network.

        v = x_L - x_0 less its mean,   (x_l, h_l) = layer_l(x_{l-1}, h_{l-1})

    (Satorras, Hoogeboom & Welling 2021, arXiv:2102.09844; as a velocity in Satorras et al.
    2021, arXiv:2105.09016, sec. 3.2). Every particle is joined to every other. For a rotation
    or reflection R, a translation b and a relabelling P: v(t, P x R + b) = P v(t, x) R. The
    velocity of the centre of mass is zero. Starts at v = 0.

    Args:
        cond_dim: length of the condition; 0 for none. It is the same for all particles.
        width: of messages, node features and hidden layers.
        num_layers: rounds of messages.
        activation: smooth ones keep the velocity smooth.
        num_frequencies: of the time, see `time_features`.
        num_radial: bumps along the distance, which the network sees beside its logarithm.
        largest_distance: where the last bump stands.
    """

    embedding: eqx.nn.Linear
    layers: tuple[MessageLayer, ...]
    num_frequencies: int = eqx.field(static=True)
    num_radial: int = eqx.field(static=True)
    largest_distance: float = eqx.field(static=True)

    def __init__(
        self,
        cond_dim: int = 0,
        *,
        width: int = 64,
        num_layers: int = 3,
        activation: str = "silu",
        num_frequencies: int = 4,
        num_radial: int = 16,
        largest_distance: float = 6.0,
        key: Key,
    ) -> None:
        if num_radial < 2 or not largest_distance > 0 or num_layers < 1:
            raise ConfigurationError(
                "A graph network needs at least one layer, two bumps along the distance and a "
                f"positive largest distance; got num_layers={num_layers}, "
                f"num_radial={num_radial}, largest_distance={largest_distance}.",
                "Use num_layers=3, num_radial=16, largest_distance=6.0.",
            )
        key, *keys = jr.split(key, num_layers + 1)
        in_size = num_time_features(num_frequencies) + cond_dim
        self.embedding = eqx.nn.Linear(in_size, width, key=key)
        self.layers = tuple(MessageLayer(width, num_radial + 1, activation, key=k) for k in keys)
        self.num_frequencies = num_frequencies
        self.num_radial = num_radial
        self.largest_distance = largest_distance

    def __call__(
        self,
        t: Scalar,
        x: Float[Array, "particles space"],
        condition: Float[Array, " cond"] | None = None,
    ) -> Float[Array, "particles space"]:
        known = [time_features(t, self.num_frequencies)]
        if condition is not None:
            known.append(condition)
        same = self.embedding(jnp.concatenate(known))
        h = jnp.broadcast_to(same, (len(x), same.size))
        # Differences of large numbers would lose the digits that the translation has taken.
        start = x - x.mean(axis=0)
        at_first = self.radial(((start[:, None] - start) ** 2).sum(axis=-1))
        end = start
        for layer in self.layers:
            end, h = layer(end, h, at_first, self.radial)
        velocity = end - start
        return velocity - velocity.mean(axis=0)

    def radial(self, squared: Float[Array, "..."]) -> Float[Array, "... radial"]:
        """Gaussian bumps of the distance, and log(1 + squared distance): bounded or slow."""
        spacing = self.largest_distance / (self.num_radial - 1)
        centres = jnp.linspace(0, self.largest_distance, self.num_radial, dtype=squared.dtype)
        bumps = jnp.exp(-0.5 * ((_distance(squared)[..., None] - centres) / spacing) ** 2)
        return jnp.concatenate([bumps, jnp.log1p(squared)[..., None]], axis=-1)


def _pairwise(layer: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return jax.vmap(jax.vmap(layer))


def _distance(squared: Float[Array, "..."]) -> Float[Array, "..."]:
    """Smooth where two particles meet: the square root of 0 has no derivative."""
    return jnp.sqrt(squared + 1e-4) - 1e-2
