"""Networks whose Lipschitz constant is kept below a bound, at every step of training."""

import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from retrodict.errors import ConditionError, ConfigurationError
from retrodict.networks.mlp import MLP
from retrodict.typing import Array, Float, Key, Scalar

# Smooth, because the gradient of a log-determinant takes the second derivative, and with slopes
# of at most one: the steepest slope of silu is 1.0998.
CONTRACTIVE_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "lipswish": lambda x: jax.nn.silu(x) / 1.1,
    "sin": jnp.sin,
    "tanh": jnp.tanh,
}

_OVERESTIMATE = 1.02


class LipschitzMLP(eqx.Module):
    """A multilayer perceptron with |g(x; c) - g(x'; c)| <= lipschitz |x - x'| for every c.

        h <- phi(beta * (W h) + b + V(c)) / beta

    Each weight is shrunk to W min(1, s / bound(W)), never enlarged (Behrmann et al. 2019,
    arXiv:1811.00995, sec. 2.1), where s^(number of layers) = lipschitz and bound(W) is at least
    the spectral norm of W: the constraint holds in every forward pass, not only on average as
    with a few power iterations. The activation phi has slopes of at most one, and so has
    phi(beta .) / beta with any learned sharpness beta > 0. Small weights can thus bend as much
    as large ones, which is what the bound leaves room for. The condition moves the kinks, by
    weights V without a constraint: how steep g is in c does not matter to its inverse in x.

    Args:
        in_size, out_size: lengths of input and output.
        width: of every hidden layer.
        depth: number of hidden layers, at least one.
        activation: one of `CONTRACTIVE_ACTIVATIONS`; "lipswish" is silu / 1.1 (Chen et al.
            2019, arXiv:1906.02735, sec. 3.3).
        cond_dim: length of the condition; 0 for none.
        lipschitz: the bound.
    """

    layers: tuple[eqx.nn.Linear, ...]
    log_sharpness: tuple[Float[Array, " _"], ...]
    context: MLP | None
    activation: str = eqx.field(static=True)
    lipschitz: float = eqx.field(static=True)

    def __init__(
        self,
        in_size: int,
        out_size: int,
        width: int,
        depth: int,
        activation: str = "lipswish",
        *,
        cond_dim: int = 0,
        lipschitz: float = 0.9,
        key: Key,
    ) -> None:
        if activation not in CONTRACTIVE_ACTIVATIONS:
            raise ConfigurationError(
                f"{activation!r} is not among the activations with slopes of at most one.",
                f"Use one of {', '.join(CONTRACTIVE_ACTIVATIONS)}.",
            )
        if not 0 < lipschitz < math.inf:
            raise ConfigurationError(
                f"A Lipschitz bound is a positive number; got {lipschitz}.", "Use 0.9."
            )
        if depth < 1:
            raise ConfigurationError(f"Expected at least one hidden layer; got depth={depth}.")
        sizes = [in_size] + [width] * depth + [out_size]
        key_context, key_bias, *keys = jr.split(key, depth + 3)
        layers = [
            eqx.nn.Linear(a, b, key=k) for a, b, k in zip(sizes[:-1], sizes[1:], keys, strict=True)
        ]
        # Kinks are spread over whitened data, where a sharpened hidden unit moves by about one.
        bias_keys = jr.split(key_bias, depth)
        biases = [jr.uniform(k, (width,), minval=-2.0, maxval=2.0) for k in bias_keys]
        last = (jnp.zeros_like(layers[-1].weight), jnp.zeros(out_size))
        self.layers = tuple(
            eqx.tree_at(lambda layer: (layer.weight, layer.bias), layer, new)
            for layer, new in zip(
                layers,
                [*((layer.weight, b) for layer, b in zip(layers, biases, strict=False)), last],
                strict=True,
            )
        )
        self.log_sharpness = (jnp.full(width, 0.5 * math.log(width)),) * depth
        self.context = (
            MLP(cond_dim, depth * width + out_size, width, 1, "silu", key=key_context)
            if cond_dim
            else None
        )
        self.activation = activation
        self.lipschitz = float(lipschitz)

    def given(self, condition: Float[Array, " cond"] | None = None) -> "ContractiveMap":
        """The network as a function of x alone, its weights shrunk once for many calls."""
        shifts = [jnp.asarray(layer.bias) for layer in self.layers]
        if self.context is not None:
            if condition is None:
                raise ConditionError("This network depends on a condition; none was given.")
            ends = np.cumsum([shift.size for shift in shifts])[:-1]
            moves = jnp.split(self.context(condition), ends)
            shifts = [shift + move for shift, move in zip(shifts, moves, strict=True)]
        weights = tuple(_shrunk(layer.weight, self._share) for layer in self.layers)
        sharpness = tuple(jnp.exp(log) for log in self.log_sharpness)
        return ContractiveMap(weights, tuple(shifts), sharpness, self.activation)

    def __call__(
        self, x: Float[Array, " in"], condition: Float[Array, " cond"] | None = None
    ) -> Float[Array, " out"]:
        return self.given(condition)(x)

    def lipschitz_bound(self) -> Scalar:
        """What the weights, shrunk, now guarantee: at most `lipschitz`, zero for a new network."""
        bounds = [spectral_norm_bound(layer.weight) for layer in self.layers]
        return jnp.prod(jnp.minimum(jnp.stack(bounds), self._share))

    @property
    def _share(self) -> float:
        return self.lipschitz ** (1 / len(self.layers))


class ContractiveMap(eqx.Module):
    """A `LipschitzMLP` at one condition, with the weights that it is evaluated with."""

    weights: tuple[Float[Array, "_ _"], ...]
    shifts: tuple[Float[Array, " _"], ...]
    sharpness: tuple[Float[Array, " _"], ...]
    activation: str = eqx.field(static=True)

    def __call__(self, x: Float[Array, " in"]) -> Float[Array, " out"]:
        activation = CONTRACTIVE_ACTIVATIONS[self.activation]
        hidden = zip(self.weights[:-1], self.shifts[:-1], self.sharpness, strict=True)
        for weight, shift, sharpness in hidden:
            x = activation(sharpness * _matmul(weight, x) + shift) / sharpness
        return _matmul(self.weights[-1], x) + self.shifts[-1]

    def rounding(self, x: Float[Array, " in"]) -> Scalar:
        """How far rounding may move the value at `x`: 2 epsilon times the numbers on the way.

        No layer stretches what the ones before it have rounded. The shifts, which depend on the
        condition, may be much larger than the value that is left of them.
        """
        activation = CONTRACTIVE_ACTIVATIONS[self.activation]
        size = jnp.linalg.norm(x)
        hidden = zip(self.weights[:-1], self.shifts[:-1], self.sharpness, strict=True)
        for weight, shift, sharpness in hidden:
            before = sharpness * _matmul(weight, x) + shift
            size = size + jnp.linalg.norm(before / sharpness)
            x = activation(before) / sharpness
        size = size + jnp.linalg.norm(_matmul(self.weights[-1], x))
        return 2 * jnp.finfo(x.dtype).eps * (size + jnp.linalg.norm(self.shifts[-1]))


def spectral_norm_bound(matrix: Float[Array, "rows columns"]) -> Scalar:
    """An upper bound of the largest singular value, at most 2 % above it, by Gram iteration.

        |W|_2 <= |G^(2^k)|_F^(1 / 2^(k+1)),   G = W^T W or W W^T, whichever is smaller

    (Delattre et al. 2023, arXiv:2305.16173, sec. 3), rescaled between the squarings against
    overflow. It takes k matrix products, no decomposition and no state, it is differentiable,
    and unlike a power iteration it never falls short. With n singular values it exceeds the
    largest by a factor of at most n^(1 / 2^(k+2)), which sets k.
    """
    rows, columns = matrix.shape
    largest = jax.lax.stop_gradient(jnp.abs(matrix).max())
    # A matrix of zeros takes the path of a matrix of ones, so that its gradient is no NaN.
    scale = jnp.where(largest > 0, largest, 1)
    scaled = jnp.where(largest > 0, matrix / scale, 1)
    gram = _matmul(scaled.T, scaled) if columns <= rows else _matmul(scaled, scaled.T)
    num_squarings = _num_squarings(min(rows, columns))
    log_factor = jnp.zeros((), matrix.dtype)
    for _ in range(num_squarings):
        norm = jnp.linalg.norm(gram)
        log_factor = 2 * (log_factor + jnp.log(norm))
        gram = gram / norm
        gram = _matmul(gram, gram)
    log_norm = (log_factor + jnp.log(jnp.linalg.norm(gram))) / 2 ** (num_squarings + 1)
    # The roundings of the products must not turn the bound into an estimate.
    rounding = 1 + 4 * (rows + columns) * float(jnp.finfo(matrix.dtype).eps)
    return jnp.where(largest > 0, rounding * scale * jnp.exp(log_norm), 0)


def _num_squarings(num_values: int) -> int:
    exponent = math.log(max(num_values, 2)) / math.log(_OVERESTIMATE)
    return math.ceil(math.log2(exponent)) - 2


def _shrunk(weight: Float[Array, "out in"], largest: float) -> Float[Array, "out in"]:
    bound = spectral_norm_bound(weight)
    is_larger = bound > largest
    return weight * jnp.where(is_larger, largest / jnp.where(is_larger, bound, 1), 1)


def _matmul(a: Float[Array, "..."], b: Float[Array, "..."]) -> Array:
    # An accelerator's default precision rounds to a thousandth: no bound would hold, and a
    # fixed-point iteration would never come to rest.
    return jnp.matmul(a, b, precision="highest")
