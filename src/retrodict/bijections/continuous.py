"""Continuous flows: an ordinary differential equation as a bijection."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from retrodict.bijections.base import AbstractBijection, require_condition
from retrodict.bijections.randomness import Randomness
from retrodict.bijections.tolerance import Tolerance
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Key, Scalar

if TYPE_CHECKING:
    import diffrax

Velocity = Callable[[Scalar, Float[Array, "..."], Float[Array, "..."] | None], Float[Array, "..."]]

SOLVERS = {
    "bosh3": "Bosh3",
    "dopri5": "Dopri5",
    "dopri8": "Dopri8",
    "heun": "Heun",
    "tsit5": "Tsit5",
}
ADJOINTS = ("recursive-checkpoint", "backsolve", "direct")
TRACES = ("auto", "exact", "hutchinson")
PROBES = ("rademacher", "gaussian")

# Up to here the exact trace costs no more than the probes that a usable estimate would need.
_LARGEST_EXACT_TRACE = 16


class ContinuousFlow(AbstractBijection):
    """Follows dx/dt = v(t, x; c) from the data at t = 1 to the base at t = 0.

        z = x(0),   log |det dz/dx| = int_1^0 tr(dv/dx) dt

    (Chen et al. 2018, arXiv:1806.07366, eq. 8; Grathwohl et al. 2018, arXiv:1810.01367). The
    time is that of flow matching: samples are made from t = 0 to t = 1. `forward` and
    `inverse` alone do not compute the trace.

    Args:
        vector_field: v(t, x, condition), of the shape of x; an Equinox module where it has
            parameters, smooth in x.
        shape: of one x.
        cond_shape: of one condition, or None.
        trace: "exact", a Jacobian-vector product for each entry of x; "hutchinson", one for
            each of `num_probes` random e, tr J = E e^T J e (unbiased; the same probes all
            along one path); "auto", exact up to 16 entries.
        num_probes, probes: of "hutchinson"; "rademacher" has the smaller variance,
            "gaussian" is the other usual choice.
        solver: one of `SOLVERS`, explicit Runge-Kutta methods with adaptive steps (diffrax).
        adjoint: how gradients are taken. "recursive-checkpoint": through the steps, with few
            of them in memory. "backsolve": by the adjoint equation, in constant memory and
            only to the tolerance; a step limit on the way back raises, whatever the
            tolerance's `throw`. "direct": through the steps, and in forward mode too.
        tolerance: of the solver, and its step limit; by default 1e-5 and 1,000 steps.
        key: of the probes; needed by "hutchinson".
    """

    vector_field: Velocity
    tolerance: Tolerance
    randomness: Randomness | None
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: tuple[int, ...] | None = eqx.field(static=True)
    num_probes: int = eqx.field(static=True)
    probes: str = eqx.field(static=True)
    solver: str = eqx.field(static=True)
    adjoint: str = eqx.field(static=True)

    def __init__(
        self,
        vector_field: Velocity,
        shape: tuple[int, ...],
        cond_shape: tuple[int, ...] | None = None,
        *,
        trace: str = "auto",
        num_probes: int = 1,
        probes: str = "rademacher",
        solver: str = "tsit5",
        adjoint: str = "recursive-checkpoint",
        tolerance: Tolerance | None = None,
        key: Key | None = None,
    ) -> None:
        for setting, value, known in (
            ("trace", trace, TRACES),
            ("probes", probes, PROBES),
            ("solver", solver, tuple(SOLVERS)),
            ("adjoint", adjoint, ADJOINTS),
        ):
            if value not in known:
                raise ConfigurationError(
                    f"Unknown {setting} {value!r}.", f"Use one of {', '.join(known)}."
                )
        if num_probes < 1:
            raise ConfigurationError(
                f"An estimated trace needs at least one probe; got num_probes={num_probes}.",
                "Use num_probes=1, or more for less noise.",
            )
        is_small = math.prod(shape) <= _LARGEST_EXACT_TRACE
        if trace == "exact" or (trace == "auto" and is_small):
            self.randomness = None
        elif key is None:
            raise ConfigurationError(
                f"The trace over {math.prod(shape)} entries is estimated from random probes; "
                "no key was given.",
                'Pass `key=jax.random.key(0)`, or trace="exact".',
            )
        else:
            self.randomness = Randomness(key)
        self.vector_field = vector_field
        self.tolerance = Tolerance(1e-5, 1e-5, 1000) if tolerance is None else tolerance
        self.shape = shape
        self.cond_shape = cond_shape
        self.num_probes = num_probes
        self.probes = probes
        self.solver = solver
        self.adjoint = adjoint

    def velocity(
        self, t: Scalar, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> Float[Array, "..."]:
        """v(t, x; c)."""
        if self.cond_shape is None:
            condition = None
        else:
            condition = require_condition(condition, self.cond_shape)
        velocity = self.vector_field(t, x, condition)
        if velocity.shape != self.shape:
            raise ConfigurationError(
                f"A velocity must have the shape of x, {self.shape}; got {velocity.shape}.",
                "Build the vector field and the flow for the same shape.",
            )
        return velocity

    def forward_and_log_det(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "..."], Scalar]:
        return self._follow_with_log_det(x, condition, 1.0, 0.0)

    def inverse_and_log_det(
        self, z: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "..."], Scalar]:
        return self._follow_with_log_det(z, condition, 0.0, 1.0)

    def forward(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> Float[Array, "..."]:
        return self._follow(x, condition, 1.0, 0.0)

    def inverse(
        self, z: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> Float[Array, "..."]:
        return self._follow(z, condition, 0.0, 1.0)

    def _follow(
        self,
        start: Float[Array, "..."],
        condition: Float[Array, "..."] | None,
        t0: float,
        t1: float,
    ) -> Float[Array, "..."]:
        arguments, static = eqx.partition((self, condition), eqx.is_array)

        def speed(t: Any, x: Float[Array, "..."], arguments: Any) -> Any:
            flow, condition = eqx.combine(arguments, static)
            return flow.velocity(t, x, condition)

        return self._solve(speed, start, arguments, t0, t1)

    def _follow_with_log_det(
        self,
        start: Float[Array, "..."],
        condition: Float[Array, "..."] | None,
        t0: float,
        t1: float,
    ) -> tuple[Float[Array, "..."], Scalar]:
        probes = self._draw_probes(start.dtype)
        arguments, static = eqx.partition((self, condition, probes), eqx.is_array)

        def speed(t: Any, state: Float[Array, " size"], arguments: Any) -> Any:
            flow, condition, probes = eqx.combine(arguments, static)

            def velocity(x: Float[Array, " dim"]) -> Any:
                return flow.velocity(t, x.reshape(flow.shape), condition).reshape(-1)

            change, images = jax.vmap(
                lambda probe: jax.jvp(velocity, (state[:-1],), (probe,)), out_axes=(None, 0)
            )(probes)
            trace = (probes * images).sum()
            if flow.randomness is not None:
                trace = trace / flow.num_probes
            return jnp.append(change, trace)

        end = self._solve(speed, jnp.append(start.reshape(-1), 0), arguments, t0, t1)
        return end[:-1].reshape(self.shape), end[-1]

    def _draw_probes(self, dtype: jnp.dtype) -> Float[Array, "probes dim"]:
        """All unit vectors for the exact trace, else the random ones."""
        dim = math.prod(self.shape)
        if self.randomness is None:
            return jnp.eye(dim, dtype=dtype)
        draw = jr.rademacher if self.probes == "rademacher" else jr.normal
        return draw(self.randomness.key, (self.num_probes, dim), dtype)

    def _solve(
        self,
        speed: Callable[[Any, Any, Any], Any],
        start: Float[Array, "..."],
        arguments: Any,
        t0: float,
        t1: float,
    ) -> Float[Array, "..."]:
        import diffrax

        tolerance = self.tolerance
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(speed),
            getattr(diffrax, SOLVERS[self.solver])(),
            t0=jnp.asarray(t0, start.dtype),
            t1=jnp.asarray(t1, start.dtype),
            # A first guess; the controller shortens it where the path bends.
            dt0=jnp.asarray(0.1 * (t1 - t0), start.dtype),
            y0=start,
            args=arguments,
            stepsize_controller=diffrax.PIDController(rtol=tolerance.rtol, atol=tolerance.atol),
            adjoint=self._adjoint(),
            max_steps=tolerance.max_steps,
            throw=False,
        )
        # For the type checker: a solution that saves its end, as ours does, always has one.
        assert solution.ys is not None  # noqa: S101
        return tolerance.checked(
            solution.ys[0], solution.result == diffrax.RESULTS.successful, "A continuous flow"
        )

    def _adjoint(self) -> "diffrax.AbstractAdjoint":
        import diffrax

        if self.adjoint == "recursive-checkpoint":
            return diffrax.RecursiveCheckpointAdjoint()
        if self.adjoint == "direct":
            return diffrax.DirectAdjoint()
        # The integral over time that gives the parameters' gradient need not be followed as
        # closely as the path (Kidger et al. 2021, arXiv:2009.09457).
        controller = diffrax.PIDController(
            rtol=self.tolerance.rtol,
            atol=self.tolerance.atol,
            norm=diffrax.adjoint_rms_seminorm,
        )
        return diffrax.BacksolveAdjoint(stepsize_controller=controller, throw=True)
