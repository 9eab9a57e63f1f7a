"""The root of an increasing function between two bounds, to a tolerance, differentiable."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from retrodict.bijections.tolerance import Tolerance
from retrodict.typing import Array, Bool, Int, Scalar

_State = tuple[Scalar, Scalar, Int[Array, ""]]


def bracketed_root(
    function: Callable[[Scalar], tuple[Scalar, Scalar]],
    lower: Scalar,
    upper: Scalar,
    tolerance: Tolerance,
    what: str,
) -> Scalar:
    """x between `lower` and `upper` where the function is zero.

    Bisection until the bracket is as small as the tolerance, then one Newton step inside it.
    Derivatives in whatever the function closes over come from the implicit function theorem,
    dx = -df / (df/dx), not from the iterations.

    Args:
        function: the value, increasing, and its derivative.
        lower: where the value is not positive.
        upper: where it is not negative.
        tolerance: of x.
        what: is solved, as the subject of the message if it fails.
    """

    def allowed(x: Scalar) -> Scalar:
        return tolerance.atol + tolerance.rtol * jnp.abs(x)

    def is_wide(state: _State) -> Bool[Array, ""]:
        low, high, step = state
        # Not `>`: a bracket of NaN is none.
        return ~(high - low <= allowed(_middle(low, high))) & (step < tolerance.max_steps)

    def halve(state: _State) -> _State:
        low, high, step = state
        middle = _middle(low, high)
        above = function(middle)[0] >= 0
        return jnp.where(above, low, middle), jnp.where(above, middle, high), step + 1

    def solve(_: Callable[[Scalar], Scalar], start: Scalar) -> tuple[Scalar, Scalar]:
        del start
        low, high, _steps = jax.lax.while_loop(is_wide, halve, (lower, upper, jnp.zeros((), int)))
        middle = _middle(low, high)
        value, slope = function(middle)
        return jnp.clip(middle - value / slope, low, high), high - low

    x, width = jax.lax.custom_root(
        lambda x: function(x)[0],
        _middle(lower, upper),
        solve,
        lambda derivative, y: y / derivative(jnp.ones_like(y)),
        has_aux=True,
    )
    return tolerance.checked(x, width <= 2 * allowed(x), what)


def _middle(lower: Scalar, upper: Scalar) -> Scalar:
    return lower + (upper - lower) / 2
