"""Dense networks whose layers are as wide as they are told."""

import numbers
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from retrodict.errors import ConfigurationError
from retrodict.networks.mlp import ACTIVATIONS, require_activation
from retrodict.typing import Array, Float, Key


class DenseNetwork(eqx.Module):
    """x -> W_L act(... act(W_1 x + b_1) ...) + b_L, with layers of any sizes.

    Weights start as He et al. (2015, arXiv:1502.01852) have it, normal with variance 2 / fan-in,
    those of the last layer, which no activation follows, with 1 / fan-in; biases from zero.
    Without biases, rows of hidden layers start in pairs of opposite sign (Balduzzi et al. 2017,
    arXiv:1702.08591, section 4): few rectified units of random directions would often leave a whole
    cone of inputs at zero, from where no gradient leads out.
    Dropout (Srivastava et al. 2014) acts on hidden layers while a key is given.

    Args:
        sizes: of the input, of each hidden layer and of the output.
        activation: one of `ACTIVATIONS`.
        use_bias: whether layers add a bias.
        dropout: share of the hidden units that are set to zero, in [0, 1).
    """

    layers: tuple[eqx.nn.Linear, ...]
    activation: str = eqx.field(static=True)
    dropout: float = eqx.field(static=True)

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str = "relu",
        *,
        use_bias: bool = True,
        dropout: float = 0.0,
        key: Key,
    ) -> None:
        require_activation(activation)
        require_sizes(sizes)
        require_share("dropout", dropout)
        self.layers = _linear_layers(key, tuple(int(size) for size in sizes), use_bias)
        self.activation = activation
        self.dropout = dropout

    def __call__(self, x: Float[Array, " in"], key: Key | None = None) -> Float[Array, " out"]:
        return self.layers[-1](self.features(x, key))

    def features(self, x: Float[Array, " in"], key: Key | None = None) -> Float[Array, " hidden"]:
        """What the last layer sees."""
        activation = ACTIVATIONS[self.activation]
        drop = self.dropout > 0 and key is not None
        keys = jr.split(key, len(self.layers)) if drop and key is not None else self.layers
        for layer, key_layer in zip(self.layers[:-1], keys[:-1], strict=True):
            x = activation(layer(x))
            if drop:
                is_kept = jr.bernoulli(key_layer, 1 - self.dropout, x.shape)
                x = jnp.where(is_kept, x / (1 - self.dropout), 0)
        return x


@eqx.filter_jit
def _linear_layers(key: Key, sizes: tuple[int, ...], use_bias: bool) -> tuple[eqx.nn.Linear, ...]:
    """All layers in one compiled program, which for each layer by itself would be several."""
    keys = jr.split(key, len(sizes) - 1)
    last = len(sizes) - 2
    return tuple(
        _linear(a, b, is_last=i == last, use_bias=use_bias, key=k)
        for i, (a, b, k) in enumerate(zip(sizes[:-1], sizes[1:], keys, strict=True))
    )


def _linear(
    in_size: int, out_size: int, *, is_last: bool, use_bias: bool, key: Key
) -> eqx.nn.Linear:
    shapes = eqx.filter_eval_shape(eqx.nn.Linear, in_size, out_size, use_bias=use_bias, key=key)
    weight = jr.normal(key, shapes.weight.shape) * jnp.sqrt((1 if is_last else 2) / in_size)
    if not use_bias and not is_last:
        half = weight[: (out_size + 1) // 2]
        weight = jnp.concatenate([half, -half])[:out_size]
    start = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    return eqx.tree_at(lambda linear: linear.weight, start, weight)


def require_sizes(sizes: Sequence[int]) -> None:
    """Raises a `ConfigurationError` unless all are whole numbers of at least 1."""
    wrong = [
        size
        for size in sizes
        if not isinstance(size, numbers.Integral) or isinstance(size, bool) or size < 1
    ]
    if wrong:
        raise ConfigurationError(
            f"Layers have whole numbers of units, at least 1; got {list(sizes)}.",
            "Give the widths of the hidden layers, e.g. [200, 100].",
        )


def require_share(name: str, value: float) -> None:
    """Raises a `ConfigurationError` unless 0 <= value < 1."""
    if not 0 <= value < 1:
        raise ConfigurationError(
            f"`{name}` is a share of at least 0 and below 1; got {value!r}.", "Use 0 for none."
        )
