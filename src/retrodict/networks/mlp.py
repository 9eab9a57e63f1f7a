"""Dense networks whose last layer starts at zero, so that a flow starts as the identity."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Key


def relu_gelu(x: Array) -> Array:
    """ReLU of the first half of the units along the last axis, GELU of the others.

    A network of both has kinks where its target has them and is smooth where that is; see
    `docs/defaults.md` for what this is worth.
    """
    rectified, smooth = jnp.split(x, [x.shape[-1] // 2], axis=-1)
    return jnp.concatenate([jax.nn.relu(rectified), jax.nn.gelu(smooth)], axis=-1)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "silu": jax.nn.silu,
    "gelu": jax.nn.gelu,
    "tanh": jnp.tanh,
    "elu": jax.nn.elu,
    "relu-gelu": relu_gelu,
}


class MLP(eqx.Module):
    """Multilayer perceptron: `depth` hidden layers of `width`, a linear last layer from zero.

    Args:
        in_size, out_size: lengths of input and output.
        width: of every hidden layer.
        depth: number of hidden layers, at least one.
        activation: one of `ACTIVATIONS`.
    """

    layers: tuple[eqx.nn.Linear, ...]
    last: eqx.nn.Linear
    activation: str = eqx.field(static=True)

    def __init__(
        self, in_size: int, out_size: int, width: int, depth: int, activation: str, *, key: Key
    ) -> None:
        require_activation(activation)
        sizes = [in_size] + [width] * depth
        key, *keys = jr.split(key, depth + 1)
        self.layers = tuple(
            eqx.nn.Linear(a, b, key=k) for a, b, k in zip(sizes[:-1], sizes[1:], keys, strict=True)
        )
        self.last = zero_linear(sizes[-1], out_size, key=key)
        self.activation = activation

    def __call__(self, x: Float[Array, " in"]) -> Float[Array, " out"]:
        activation = ACTIVATIONS[self.activation]
        for layer in self.layers:
            x = activation(layer(x))
        return self.last(x)


class ResidualMLP(eqx.Module):
    """Pre-activation residual network (He et al. 2016, arXiv:1603.05027) of dense layers.

    h <- h + W2 act(W1 act(h)) for each of `depth` blocks, W2 from zero; then a linear last
    layer from zero.
    """

    first: eqx.nn.Linear
    blocks: tuple[tuple[eqx.nn.Linear, eqx.nn.Linear], ...]
    last: eqx.nn.Linear
    activation: str = eqx.field(static=True)

    def __init__(
        self, in_size: int, out_size: int, width: int, depth: int, activation: str, *, key: Key
    ) -> None:
        require_activation(activation)
        key_first, key_last, *keys = jr.split(key, depth + 2)
        self.first = eqx.nn.Linear(in_size, width, key=key_first)
        self.blocks = tuple(
            (eqx.nn.Linear(width, width, key=k), zero_linear(width, width, key=k)) for k in keys
        )
        self.last = zero_linear(width, out_size, key=key_last)
        self.activation = activation

    def __call__(self, x: Float[Array, " in"]) -> Float[Array, " out"]:
        activation = ACTIVATIONS[self.activation]
        hidden = self.first(x)
        for inner, outer in self.blocks:
            hidden = hidden + outer(activation(inner(activation(hidden))))
        return self.last(activation(hidden))


class Constant(eqx.Module):
    """The network of nothing: a learned vector, for a map that has no input to depend on."""

    value: Float[Array, " out"]

    def __init__(self, out_size: int) -> None:
        self.value = jnp.zeros(out_size)

    def __call__(self, x: Float[Array, " in"]) -> Float[Array, " out"]:
        del x
        return self.value


def build_conditioner(
    kind: str, in_size: int, out_size: int, width: int, depth: int, activation: str, *, key: Key
) -> MLP | ResidualMLP | Constant:
    """The conditioner of a coupling: "mlp" or "residual"; `Constant` where there is no input."""
    if kind not in ("mlp", "residual"):
        raise ConfigurationError(
            f"Unknown conditioner {kind!r}.", 'Use conditioner="mlp" or conditioner="residual".'
        )
    if in_size == 0:
        return Constant(out_size)
    network = MLP if kind == "mlp" else ResidualMLP
    return network(in_size, out_size, width, depth, activation, key=key)


def zero_linear(in_size: int, out_size: int, *, key: Key) -> eqx.nn.Linear:
    """A linear layer that gives zero until it is trained."""
    # Without drawing the numbers that would not be used.
    linear = eqx.filter_eval_shape(eqx.nn.Linear, in_size, out_size, key=key)
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), linear)


def require_activation(activation: str) -> None:
    """Raises a `ConfigurationError` unless there is an activation of that name."""
    if activation not in ACTIVATIONS:
        raise ConfigurationError(
            f"Unknown activation {activation!r}.", f"Use one of {', '.join(ACTIVATIONS)}."
        )
