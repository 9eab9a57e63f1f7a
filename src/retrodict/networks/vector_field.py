"""The network of a continuous flow: a velocity at a time, a place and under a condition."""

import equinox as eqx
import jax.numpy as jnp

from retrodict.errors import ConfigurationError
from retrodict.networks.mlp import MLP, Constant, ResidualMLP, build_conditioner
from retrodict.typing import Array, Float, Key, Scalar


class VectorField(eqx.Module):
    """v(t, x; c) of `dim` numbers by a dense network, zero at first: a flow that stands still.

    The network sees x, the condition and the time, as t with the Fourier features of
    `time_features`.

    Args:
        dim: length of x.
        cond_dim: length of the condition; 0 for none.
        width, depth, activation: of the network. A smooth activation gives a smooth velocity,
            for which an adaptive solver needs few steps.
        network: "mlp" or "residual", see `build_conditioner`.
        num_frequencies: of the time; 0 leaves t alone.
    """

    network: MLP | ResidualMLP | Constant
    num_frequencies: int = eqx.field(static=True)

    def __init__(
        self,
        dim: int,
        cond_dim: int = 0,
        *,
        width: int = 128,
        depth: int = 3,
        activation: str = "silu",
        network: str = "residual",
        num_frequencies: int = 4,
        key: Key,
    ) -> None:
        in_size = dim + cond_dim + num_time_features(num_frequencies)
        self.network = build_conditioner(network, in_size, dim, width, depth, activation, key=key)
        self.num_frequencies = num_frequencies

    def __call__(
        self, t: Scalar, x: Float[Array, " dim"], condition: Float[Array, " cond"] | None = None
    ) -> Float[Array, " dim"]:
        known = [x, time_features(t, self.num_frequencies)]
        if condition is not None:
            known.append(condition)
        return self.network(jnp.concatenate(known))


def time_features(t: Scalar, num_frequencies: int) -> Float[Array, " features"]:
    """t, and cos(pi k t), sin(pi k t) for k = 1, ..., `num_frequencies`.

    Half a period over the unit interval is the slowest, so that t = 0 and t = 1 differ.
    """
    angles = jnp.pi * jnp.arange(1, num_frequencies + 1, dtype=t.dtype) * t
    return jnp.concatenate([t[None], jnp.cos(angles), jnp.sin(angles)])


def num_time_features(num_frequencies: int) -> int:
    """Length of `time_features`.

    Raises:
        ConfigurationError: if it is negative.
    """
    if num_frequencies < 0:
        raise ConfigurationError(
            f"Expected at least 0 frequencies of time; got {num_frequencies}.", "Use 4."
        )
    return 1 + 2 * num_frequencies
