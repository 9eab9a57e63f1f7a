"""Where to start: location and scale that meet the constraints as well as they can."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx

from retrodict.bijections import ActNorm
from retrodict.density.support import AbstractSupport
from retrodict.objectives.maximum_entropy import Moments
from retrodict.typing import Array, Float, Key

_NUM_DRAWS = 512
_MAX_STEPS = 100


@eqx.filter_jit
def location_and_scale(
    moments: Moments, support: AbstractSupport, values: Float[Array, " moments"], key: Key
) -> ActNorm:
    """The layer under which a standard normal y has the wanted moments of x, by least squares.

    A flow learns shapes fast but moves far only slowly; wanted means of a million are reached
    here, in the units of the constraints.

    Args:
        moments: T.
        support: the map from y to x.
        values: wanted of E[T].
        key: of the draws that stand for the normal.
    """
    z = jax.random.normal(key, (_NUM_DRAWS, support.num_free))
    z = jnp.concatenate([z, -z])
    layer = ActNorm(support.num_free)

    def moments_of(layer: ActNorm) -> Float[Array, "draws moments"]:
        return jax.vmap(lambda z: moments(support(layer.inverse(z))[0]))(z)

    start = moments_of(layer)
    unit = jnp.sqrt(start.var(axis=0) + (start.mean(axis=0) - values) ** 2)
    unit = jnp.where(unit > 0, unit, 1.0)

    def residuals(layer: ActNorm, _: None) -> Float[Array, " moments"]:
        return (moments_of(layer).mean(axis=0) - values) / unit

    solution: optx.Solution = optx.least_squares(
        residuals,
        optx.LevenbergMarquardt(rtol=1e-4, atol=1e-4),
        layer,
        max_steps=_MAX_STEPS,
        throw=False,
    )
    # A search that leads nowhere is no loss: the flow can still move by itself.
    found = residuals(solution.value, None)
    better = jnp.sum(found**2) < jnp.sum(residuals(layer, None) ** 2)
    return jax.tree.map(lambda new, old: jnp.where(better, new, old), solution.value, layer)
