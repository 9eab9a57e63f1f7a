"""A planar robot arm: where is each joint, given where the hand is?"""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Int32

from retrodict.distributions import Normal
from retrodict.problems.base import AbstractJaxProblem, AbstractReferencePosterior
from retrodict.typing import Array, Float, Int, Key, Scalar
from retrodict.variables import Variable

_LENGTHS = (0.5, 0.5, 1.0)
_REACH = sum(_LENGTHS)
_PRIOR_SD = (0.25, 0.5, 0.5, 0.5)

# The sphere of the exact posterior in cells of equal area, and how proposals are spread on it.
_NUM_HEIGHTS, _NUM_AZIMUTHS = 64, 128
_NUM_CELLS = _NUM_HEIGHTS * _NUM_AZIMUTHS
_SHARE_UNIFORM = 0.1
_PROPOSALS_PER_DRAW = 16
_MIN_PROPOSALS = 8192


class InverseKinematics(AbstractJaxProblem, AbstractReferencePosterior):
    """An arm of three segments on a vertical rail (Kruse et al. 2021, arXiv:2101.10763).

    The base slides to the height x1, the joints turn by x2, x3, x4 relative to the segment
    before, and the hand ends at

        y1 =      l1 cos x2 + l2 cos(x2 + x3) + l3 cos(x2 + x3 + x4)
        y2 = x1 + l1 sin x2 + l2 sin(x2 + x3) + l3 sin(x2 + x3 + x4)

    with (l1, l2, l3) = (.5, .5, 1) and x ~ N(0, diag(.25, .5, .5, .5)^2). Four causes, two
    effects, no noise: the posterior is a curved sheet, often with an elbow-up and an
    elbow-down part.
    """

    name: str = eqx.field(static=True)
    description: str = eqx.field(static=True)
    parameters: tuple[Variable, ...] = eqx.field(static=True)
    observables: tuple[Variable, ...] = eqx.field(static=True)
    prior: Normal

    def __init__(self) -> None:
        self.name = "inverse-kinematics"
        self.description = "Height and joint angles of a planar robot arm from its hand's position."
        self.parameters = (
            Variable("x1", description="height of the base, in lengths of the last segment"),
            Variable("x2", "rad", "angle of the first joint"),
            Variable("x3", "rad", "angle of the second joint, relative to the first segment"),
            Variable("x4", "rad", "angle of the third joint, relative to the second segment"),
        )
        self.observables = (
            Variable(
                "y1",
                description="horizontal position of the hand, in lengths of the last segment",
                lower=-_REACH,
                upper=_REACH,
            ),
            Variable(
                "y2", description="vertical position of the hand, in lengths of the last segment"
            ),
        )
        self.prior = Normal(np.zeros(4), np.asarray(_PRIOR_SD))

    def simulate(self, key: Key, x: Float[Array, "4"]) -> Float[Array, "2"]:
        """Position of the hand; `key` is not used, there is no noise."""
        del key
        lengths = jnp.asarray(_LENGTHS, x.dtype)
        angles = jnp.cumsum(x[1:])
        return jnp.stack([lengths @ jnp.cos(angles), x[0] + lengths @ jnp.sin(angles)])

    def arm(self, x: Float[np.ndarray, "*rows 4"]) -> Float[np.ndarray, "*rows 4 2"]:
        """Where base, joints and hand are in the plane, in lengths of the last segment."""
        angles = np.cumsum(x[..., 1:], axis=-1)
        segments = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        segments = segments * np.asarray(_LENGTHS)[:, None]
        base = np.stack([np.zeros_like(x[..., :1]), x[..., :1]], axis=-1)
        return np.cumsum(np.concatenate([base, segments], axis=-2), axis=-2)

    def exact_posterior(
        self, key: Key, y: Float[Array, "2"], num_draws: int
    ) -> Float[Array, "{num_draws} 4"]:
        """Draws from p(x | y), which hit `y` exactly.

        With the absolute angles t_i = x2 + ... + x_{i+1}, the first effect reads

            sum_i 2 l_i sin^2(t_i / 2) = reach - y1,

        so u_i = sin(t_i / 2) sqrt(2 l_i / (reach - y1)) lies on the unit sphere, and the
        posterior has the density p(x) / prod_i cos(t_i / 2) with respect to its area. Unlike
        solving for one joint, where 1/|sin| diverges at each turning point of the arm, this
        is smooth but for a joint folded back by pi, where the prior leaves next to nothing.

        Proposals come from cells of the sphere drawn by the density in and around their
        middle (and one in ten from anywhere), are weighted by the exact density, and resampled
        systematically, so that a proposal is not drawn twice unless its weight asks for it.
        Angles x2, x3, x4 beyond +-pi (prior probability 3e-10 each) are left out.

        Args:
            key: of the proposals and of the resampling.
            y: position of the hand. One beyond the reach gives NaN.
            num_draws: how many.
        """
        key_propose, key_resample = jr.split(key)
        u, log_weights = self._proposals(key_propose, y, num_draws)
        chosen = _systematic_resampling(key_resample, log_weights, num_draws)
        x, _ = _arm(u[chosen], y)
        return jnp.where(jnp.isfinite(log_weights.max()), x, jnp.nan)

    def exact_posterior_ess(self, key: Key, y: Float[Array, "2"], num_draws: int) -> Scalar:
        """Effective sample size of the proposals from which `exact_posterior` resamples."""
        _, log_weights = self._proposals(jr.split(key)[0], y, num_draws)
        weights = jax.nn.softmax(log_weights)
        return 1 / (weights**2).sum()

    def _log_density(self, u: Float[Array, "num 3"], y: Float[Array, "2"]) -> Float[Array, " num"]:
        """Unnormalised posterior density with respect to the area of the unit sphere."""
        x, log_cosines = _arm(u, y)
        log_density = jax.vmap(self.prior.log_prob)(x) - log_cosines
        return jnp.where(jnp.isfinite(log_density), log_density, -jnp.inf)

    def _proposals(
        self, key: Key, y: Float[Array, "2"], num_draws: int
    ) -> tuple[Float[Array, "num 3"], Float[Array, " num"]]:
        """Points on the sphere and their log-weights."""
        num = max(_MIN_PROPOSALS, _PROPOSALS_PER_DRAW * num_draws)
        key_cell, key_place = jr.split(key)
        middles = _points(jnp.arange(_NUM_CELLS), jnp.full((_NUM_CELLS, 2), 0.5, y.dtype))
        mass = _largest_neighbour(jax.nn.softmax(self._log_density(middles, y)))
        mass = (1 - _SHARE_UNIFORM) * mass / mass.sum() + _SHARE_UNIFORM / _NUM_CELLS
        quanta, edges = _quanta(mass)
        places = jr.randint(key_cell, (num,), 0, edges[-1], jnp.int32)
        cells = jnp.searchsorted(edges, places, side="right")
        log_mass = jnp.log(quanta.astype(y.dtype))
        u = _points(cells, jr.uniform(key_place, (num, 2), y.dtype))
        return u, self._log_density(u, y) - log_mass[cells]


def _points(cells: Int[Array, " num"], places: Float[Array, "num 2"]) -> Float[Array, "num 3"]:
    """Points on the unit sphere: the cell, and the place inside it in [0, 1)^2."""
    row, column = jnp.divmod(cells, _NUM_AZIMUTHS)
    height = 2 * (row.astype(places.dtype) + places[:, 0]) / _NUM_HEIGHTS - 1
    azimuth = 2 * jnp.pi * (column.astype(places.dtype) + places[:, 1]) / _NUM_AZIMUTHS
    radius = jnp.sqrt((1 - height) * (1 + height))
    return jnp.stack([radius * jnp.cos(azimuth), radius * jnp.sin(azimuth), height], axis=1)


def _largest_neighbour(mass: Float[Array, " cells"]) -> Float[Array, " cells"]:
    """Largest value among each cell and its eight neighbours.

    A cell whose middle is out of the arm's reach can have its best corner next to one within.
    """
    grid = mass.reshape(_NUM_HEIGHTS, _NUM_AZIMUTHS)
    grid = jnp.maximum(grid, jnp.maximum(jnp.roll(grid, 1, axis=1), jnp.roll(grid, -1, axis=1)))
    padded = jnp.pad(grid, ((1, 1), (0, 0)), mode="edge")
    return jnp.maximum(grid, jnp.maximum(padded[:-2], padded[2:])).ravel()


def _arm(
    u: Float[Array, "num 3"], y: Float[Array, "2"]
) -> tuple[Float[Array, "num 4"], Float[Array, " num"]]:
    """The arms x that points of the sphere stand for, and sum_i log cos(t_i / 2)."""
    lengths = jnp.asarray(_LENGTHS, y.dtype)
    sines = u * jnp.sqrt((_REACH - y[0]) / (2 * lengths))
    angles = 2 * jnp.arcsin(sines)
    height = y[1] - jnp.sin(angles) @ lengths
    turns = jnp.diff(angles, axis=1)
    turns = turns - 2 * jnp.pi * jnp.round(turns / (2 * jnp.pi))
    log_cosines = 0.5 * jnp.log((1 - sines) * (1 + sines)).sum(axis=1)
    return jnp.concatenate([height[:, None], angles[:, :1], turns], axis=1), log_cosines


def _systematic_resampling(
    key: Key, log_weights: Float[Array, " num"], num_draws: int
) -> Int[Array, " draws"]:
    """Indices drawn by weight with one random offset: each floor or ceil(num_draws w) times."""
    _, edges = _quanta(jax.nn.softmax(log_weights))
    stride = edges[-1] // num_draws
    offset = jr.randint(key, (), 0, edges[-1] - stride * (num_draws - 1), jnp.int32)
    places = offset + stride * jnp.arange(num_draws, dtype=jnp.int32)
    return jnp.searchsorted(edges, places, side="right")


def _quanta(
    probabilities: Float[Array, " num"],
) -> tuple[Int32[Array, " num"], Int32[Array, " num"]]:
    """Probabilities as whole multiples of 2^-30, and their running sum.

    A running sum of floats need not grow, and can step where the probability is zero; one of
    integers is exact, so nothing of probability zero is ever drawn.
    """
    quanta = jnp.round(probabilities * 2.0**30).astype(jnp.int32)
    return quanta, jnp.cumsum(quanta, dtype=jnp.int32)
