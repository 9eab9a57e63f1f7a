"""Invertible residual networks."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optimistix

from retrodict.bijections.base import AbstractBijection, require_condition
from retrodict.bijections.randomness import Randomness
from retrodict.bijections.tolerance import Tolerance
from retrodict.errors import ConfigurationError
from retrodict.networks import ContractiveMap, LipschitzMLP
from retrodict.typing import Array, Float, Key, Scalar

_State = tuple[Array, Array, Array, Array, Array]

_LOG_DETS = ("auto", "exact", "unbiased")
# Up to here the whole Jacobian costs less than the series, which for some row is always long.
_EXACT_UP_TO = 32

# As tight as single precision allows at the default Lipschitz bound.
RESIDUAL_TOLERANCE = Tolerance(rtol=4e-6, atol=4e-6)


class InvertibleResidual(AbstractBijection):
    """z = x + g(x; c) with a contraction g (i-ResNet, Behrmann et al. 2019, arXiv:1811.00995).

    With L < 1 the Lipschitz constant of g in x, x -> z - g(x; c) is a contraction for every z,
    whose only fixed point is the inverse (Banach). It is found by iteration, and is
    differentiated by the implicit function theorem. Iteration ends when the *error*, not only
    the step, is within the tolerance:

        |x_t - x| <= L / (1 - L) |x_t - x_(t-1)| <= atol + rtol |x|

    or when steps are as short as the rounding of z and of g, below which they only cycle
    (`ContractiveMap.rounding`).

    The log-determinant is log det(1 + J), J = dg/dx, whose sign is always positive. "exact"
    takes the determinant of the Jacobian: `dim` passes. "unbiased" estimates

        log det(1 + J) = sum_k (-1)^(k+1) / k tr J^k

    by one random probe for the traces and a random number of terms, each divided by the
    probability that it is reached (Russian roulette: Chen et al. 2019, arXiv:1906.02735, eq. 6);
    its gradient is the Neumann series of (1 + J)^-1 with the same terms (eq. 8), also
    unbiased, in constant memory. Terms beyond `num_terms` are reached with probabilities
    L, L^2, ..., so that the variance is finite whatever the weights: the k-th term is at most
    L^k. "auto" is exact up to 32 dimensions.

    Args:
        dim: length of `x`.
        cond_dim: length of the condition; 0 for none.
        lipschitz: L, above 0 and below 1. One block stretches by 1 - L to 1 + L.
        width, depth, activation: of g, see `LipschitzMLP`.
        log_det: "auto", "exact" or "unbiased".
        num_terms: of the series that are always taken; only for "unbiased".
        tolerance: of the inverse; tighter ones need double precision.

    Raises:
        ConfigurationError: a Lipschitz bound at which there need not be an inverse.
    """

    network: LipschitzMLP
    randomness: Randomness | None
    tolerance: Tolerance
    num_terms: int = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: tuple[int, ...] | None = eqx.field(static=True)

    def __init__(
        self,
        dim: int,
        cond_dim: int = 0,
        *,
        lipschitz: float = 0.9,
        width: int = 128,
        depth: int = 2,
        activation: str = "lipswish",
        log_det: str = "auto",
        num_terms: int = 4,
        tolerance: Tolerance = RESIDUAL_TOLERANCE,
        key: Key,
    ) -> None:
        _require_contraction(lipschitz)
        if log_det not in _LOG_DETS:
            raise ConfigurationError(
                f"Unknown log_det {log_det!r}.", f"Use one of {', '.join(_LOG_DETS)}."
            )
        if num_terms < 1:
            raise ConfigurationError(
                f"The series needs at least one term; got num_terms={num_terms}.", "Use 4."
            )
        is_exact = log_det == "exact" or (log_det == "auto" and dim <= _EXACT_UP_TO)
        key_network, key_randomness = jr.split(key)
        self.network = LipschitzMLP(
            dim,
            dim,
            width,
            depth,
            activation,
            cond_dim=cond_dim,
            lipschitz=lipschitz,
            key=key_network,
        )
        self.randomness = None if is_exact else Randomness(key_randomness)
        self.tolerance = tolerance
        self.num_terms = num_terms
        self.shape = (dim,)
        self.cond_shape = (cond_dim,) if cond_dim else None

    @property
    def lipschitz(self) -> float:
        """The bound of g that holds in every forward pass."""
        return self.network.lipschitz

    def forward_and_log_det(
        self, x: Float[Array, " dim"], condition: Float[Array, " cond"] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        g = self._contraction(condition)
        return x + g(x), self._log_det(g, x)

    def inverse_and_log_det(
        self, z: Float[Array, " dim"], condition: Float[Array, " cond"] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        g = self._contraction(condition)
        x = self._fixed_point(g, z)
        return x, -self._log_det(g, x)

    def _contraction(self, condition: Float[Array, " cond"] | None) -> ContractiveMap:
        if self.cond_shape is not None:
            condition = require_condition(condition, self.cond_shape)
        return self.network.given(condition)

    def _fixed_point(self, g: ContractiveMap, z: Float[Array, " dim"]) -> Float[Array, " dim"]:
        start = z - g(jnp.zeros_like(z))
        # |start| = |x + g(x) - g(0)| <= (1 + L) |x|, so this asks for no less than promised.
        frozen_g, frozen_start, frozen_z = jax.lax.stop_gradient((g, start, z))
        size = jnp.linalg.norm(frozen_start) / (1 + self.lipschitz)
        rounding = frozen_g.rounding(frozen_start)
        rounding = rounding + 2 * jnp.finfo(z.dtype).eps * jnp.linalg.norm(frozen_z)
        accepted = jnp.maximum(
            self.tolerance.atol + self.tolerance.rtol * size,
            self.lipschitz / (1 - self.lipschitz) * rounding,
        )
        # In units of the accepted error, optimistix' test of the step is a test of the error.
        solution: Any = optimistix.fixed_point(
            _iterate,
            optimistix.FixedPointIteration(
                rtol=0.0, atol=(1 - self.lipschitz) / self.lipschitz, norm=optimistix.two_norm
            ),
            start / accepted,
            args=(g, z, accepted),
            max_steps=self.tolerance.max_steps,
            adjoint=optimistix.ImplicitAdjoint(),
            throw=False,
        )
        converged = jnp.asarray(solution.result == optimistix.RESULTS.successful)
        return self.tolerance.checked(
            solution.value * accepted, converged, "The inverse of a residual block"
        )

    def _log_det(self, g: ContractiveMap, x: Float[Array, " dim"]) -> Scalar:
        if self.randomness is None:
            identity = jnp.eye(x.size, dtype=x.dtype)
            return jnp.linalg.slogdet(identity + jax.jacfwd(g)(x)).logabsdet
        return _series(g, x, self.randomness.key, self.lipschitz, self.num_terms)


def _iterate(
    scaled: Float[Array, " dim"], args: tuple[ContractiveMap, Float[Array, " dim"], Scalar]
) -> Float[Array, " dim"]:
    g, z, unit = args
    return (z - g(unit * scaled)) / unit


def _series(
    g: ContractiveMap, x: Float[Array, " dim"], key: Key, survival: float, num_terms: int
) -> Scalar:
    """An unbiased estimate of log det(1 + J), with an unbiased gradient.

    The loop runs on values without gradients; the gradient enters by E[w^T dJ v] with
    w^T the Neumann series v^T (1 + J)^-1, added to the value with value zero.
    """
    key_probe, key_length = jr.split(key)
    probe = jr.rademacher(key_probe, x.shape, x.dtype)
    # P(length >= num_terms + j) = survival^j
    length = num_terms + jr.geometric(key_length, 1 - survival, dtype=jnp.int32) - 1
    frozen_g, frozen_x = jax.lax.stop_gradient((g, x))
    _, pull_back = jax.vjp(frozen_g, frozen_x)

    def more(state: _State) -> Array:
        return state[0] < length

    def add_term(state: _State) -> _State:
        k, row, weight, log_det, neumann = state
        k = k + 1
        (row,) = pull_back(row)
        # weight: (-1)^k / P(length >= k)
        weight = -weight / jnp.where(k > num_terms, survival, 1).astype(x.dtype)
        log_det = log_det - weight * (row @ probe) / k.astype(x.dtype)
        return k, row, weight, log_det, neumann + weight * row

    one, zero = jnp.ones((), x.dtype), jnp.zeros((), x.dtype)
    start = (jnp.zeros((), jnp.int32), probe, one, zero, probe)
    *_, log_det, neumann = jax.lax.while_loop(more, add_term, start)
    directional = jax.jvp(g, (x,), (probe,))[1] @ jax.lax.stop_gradient(neumann)
    return jax.lax.stop_gradient(log_det - directional) + directional


def _require_contraction(lipschitz: float) -> None:
    if lipschitz <= 0:
        raise ConfigurationError(
            f"A Lipschitz bound of {lipschitz} leaves z = x and nothing to learn.",
            "Use a bound above 0 and below 1, such as 0.9.",
        )
    if not lipschitz < 1:
        raise ConfigurationError(
            f"With a Lipschitz bound of {lipschitz} an inverse need not exist: at a slope of -1 "
            "or below, z = x + g(x) stands still or turns back, and several x share one z.",
            "Use a bound below 1, such as 0.9; more layers stretch more, not a larger bound.",
        )
