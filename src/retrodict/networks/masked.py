"""A dense network whose i-th output sees only the inputs before the i-th."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from retrodict.errors import ConfigurationError
from retrodict.networks.mlp import ACTIVATIONS, require_activation, zero_linear
from retrodict.typing import Array, Float, Key


class MaskedMLP(eqx.Module):
    """Masked autoencoder for distribution estimation, MADE (Germain et al. 2015).

    Every input, hidden unit and output has a degree: x_i has i, the condition has 0, a unit
    with degree m may depend on x_1 ... x_m and the condition, the parameters of entry i on what
    has a degree below i (arXiv:1502.03509, eqs. 12-14). The masks follow from the sizes and are
    applied in every call: whatever an optimiser does to a masked weight has no effect. The
    direct connections from input to output (sec. 4.3) make every entry depend on all before
    it, also where there are fewer hidden units than entries.

    Args:
        dim: entries of `x`.
        num_parameters: outputs per entry.
        cond_dim: length of the condition; 0 for none.
        width: of every hidden layer.
        depth: number of hidden layers, at least one.
        activation: one of `ACTIVATIONS`.
    """

    layers: tuple[eqx.nn.Linear, ...]
    last: eqx.nn.Linear
    direct: Float[Array, "out in"]
    dim: int = eqx.field(static=True)
    num_parameters: int = eqx.field(static=True)
    cond_dim: int = eqx.field(static=True)
    width: int = eqx.field(static=True)
    activation: str = eqx.field(static=True)

    def __init__(
        self,
        dim: int,
        num_parameters: int,
        cond_dim: int,
        width: int,
        depth: int,
        activation: str,
        *,
        key: Key,
    ) -> None:
        require_activation(activation)
        if depth < 1 or width < 1:
            raise ConfigurationError(
                f"A masked network needs hidden layers; got width={width}, depth={depth}.",
                "Use a width and a depth of at least one.",
            )
        self.dim = dim
        self.num_parameters = num_parameters
        self.cond_dim = cond_dim
        self.width = width
        self.activation = activation
        out_size = dim * num_parameters
        sizes = [dim + cond_dim] + [width] * depth
        key, *keys = jr.split(key, depth + 1)
        self.layers = tuple(
            _scaled_to_fan_in(eqx.nn.Linear(a, b, key=k), mask)
            for a, b, k, mask in zip(
                sizes[:-1], sizes[1:], keys, self._hidden_masks(depth), strict=True
            )
        )
        self.last = zero_linear(width, out_size, key=key)
        self.direct = jnp.zeros((out_size, dim + cond_dim))

    def __call__(
        self, x: Float[Array, " dim"], condition: Float[Array, " cond"] | None = None
    ) -> Float[Array, "dim parameters"]:
        """The parameters of all entries."""
        known = x if condition is None else jnp.concatenate([condition, x])
        activation = ACTIVATIONS[self.activation]
        of_inputs, of_hidden, of_outputs = self._degrees()
        hidden = known
        for layer, mask in zip(self.layers, self._hidden_masks(len(self.layers)), strict=True):
            hidden = activation(_masked(layer, mask)(hidden))
        direct = jnp.where(of_outputs[:, None] > of_inputs, self.direct, 0)
        out = _masked(self.last, of_outputs[:, None] > of_hidden)(hidden) + direct @ known
        return out.reshape(self.dim, self.num_parameters)

    def _hidden_masks(self, depth: int) -> list[np.ndarray]:
        of_inputs, of_hidden, _ = self._degrees()
        first = of_hidden[:, None] >= of_inputs
        return [first] + [of_hidden[:, None] >= of_hidden] * (depth - 1)

    def _degrees(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of inputs (condition first), hidden units and outputs."""
        # Units that see only the condition are of use where there is one, and where nothing
        # else can be seen.
        lowest = 0 if self.cond_dim or self.dim == 1 else 1
        of_inputs = np.concatenate([np.zeros(self.cond_dim, int), np.arange(1, self.dim + 1)])
        of_hidden = lowest + np.arange(self.width) * (self.dim - lowest) // self.width
        of_outputs = np.repeat(np.arange(1, self.dim + 1), self.num_parameters)
        return of_inputs, of_hidden, of_outputs


def _masked(linear: eqx.nn.Linear, mask: np.ndarray) -> eqx.nn.Linear:
    return eqx.tree_at(lambda m: m.weight, linear, jnp.where(mask, linear.weight, 0))


def _scaled_to_fan_in(linear: eqx.nn.Linear, mask: np.ndarray) -> eqx.nn.Linear:
    """Initial weights as large as if the masked inputs of each unit did not exist."""
    num_seen = np.maximum(mask.sum(axis=1), 1)
    scale = jnp.asarray(np.sqrt(linear.in_features / num_seen), linear.weight.dtype)
    return eqx.tree_at(lambda m: m.weight, linear, linear.weight * scale[:, None])
