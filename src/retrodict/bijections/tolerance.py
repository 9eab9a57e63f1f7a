"""How accurate a numerical inverse is, and what happens when it is not."""

import dataclasses
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp

from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Bool, Float

_Tree = TypeVar("_Tree")


class Tolerance(eqx.Module):
    """The accuracy asked of a numerical inverse or an ODE, and the most steps it may take.

    A solution that misses it is never passed on: with `throw` it raises, from compiled code
    too; without, every number that came of it is NaN, for callers that look at many rows and
    refuse the bad ones by count (`Posterior`, `round_trip`), or skip the step (training).

    Args:
        rtol, atol: an error of atol + rtol |x| is accepted.
        max_steps: iterations, or steps of the ODE's solver.
        throw: whether a miss raises.
    """

    rtol: float = eqx.field(default=1e-6, static=True)
    atol: float = eqx.field(default=1e-6, static=True)
    max_steps: int = eqx.field(default=1000, static=True)
    throw: bool = eqx.field(default=True, static=True)

    def __check_init__(self) -> None:
        if not (self.rtol >= 0 and self.atol >= 0 and self.rtol + self.atol > 0):
            raise ConfigurationError(
                f"Tolerances must be positive; got rtol={self.rtol}, atol={self.atol}.",
                "Use 1e-6 in single precision.",
            )
        if self.max_steps < 1:
            raise ConfigurationError(
                f"A solver needs at least one step; got max_steps={self.max_steps}.", "Use 1000."
            )

    def checked(
        self, value: Float[Array, "..."], converged: Bool[Array, ""], what: str
    ) -> Float[Array, "..."]:
        """`value` where the solution converged; otherwise an error, or NaN.

        Args:
            value: that came of the solution.
            converged: whether it is within the tolerance.
            what: did not converge, as the subject of the message.
        """
        if self.throw:
            return eqx.error_if(
                value,
                ~converged,
                f"{what} did not reach rtol={self.rtol}, atol={self.atol} within "
                f"{self.max_steps} steps. The input may lie far outside the training data; "
                "otherwise allow more steps or a larger tolerance.",
            )
        return jnp.where(converged, value, jnp.nan)


def without_throw(tree: _Tree) -> _Tree:
    """The same model, whose numerical inverses give NaN instead of raising."""

    def quiet(node: Any) -> Any:
        return dataclasses.replace(node, throw=False) if isinstance(node, Tolerance) else node

    return jax.tree.map(quiet, tree, is_leaf=lambda node: isinstance(node, Tolerance))
