"""Solutions of ordinary differential equations at given times, as simulators need them."""

from collections.abc import Callable
from typing import Any

import diffrax
import jax.numpy as jnp
import numpy as np

from retrodict.typing import Array, Float

_MOST_STEPS = 4096


def trajectory(
    rates: Callable[[Any, Float[Array, " dim"], Float[Array, " args"]], Float[Array, " dim"]],
    start: Float[Array, " dim"],
    times: Float[np.ndarray, " times"],
    args: Float[Array, " args"],
    *,
    tolerance: float,
) -> Float[Array, "times dim"]:
    """The states s(t) at `times`, where ds/dt = rates(t, s, args) and s(times[0]) = start.

    Tsitouras' method of order 5 (2011, doi:10.1016/j.camwa.2011.06.002) with adaptive steps.

    Args:
        rates: the right-hand side.
        start: the state at the first time.
        times: increasing.
        args: handed on to `rates`.
        tolerance: of the error of a step, relative and absolute alike.

    Returns:
        One row per time; NaN throughout where 4,096 steps were not enough, or a step failed: a
        compiled function cannot raise.
    """
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(rates),
        diffrax.Tsit5(),
        t0=float(times[0]),
        t1=float(times[-1]),
        dt0=None,
        y0=start,
        args=args,
        saveat=diffrax.SaveAt(ts=jnp.asarray(times, start.dtype)),
        stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
        max_steps=_MOST_STEPS,
        throw=False,
    )
    states: Float[Array, "times dim"] = solution.ys
    return jnp.where(solution.result == diffrax.RESULTS.successful, states, jnp.nan)
