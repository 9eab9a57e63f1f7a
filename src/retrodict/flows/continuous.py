"""Continuous flows over vectors."""

from dataclasses import dataclass
from typing import ClassVar

import jax.random as jr

from retrodict.bijections import ContinuousFlow, Tolerance
from retrodict.distributions import StandardNormal, Transformed
from retrodict.flows.base import AbstractArchitecture
from retrodict.networks import VectorField
from retrodict.typing import Key


@dataclass(frozen=True)
class FFJORD(AbstractArchitecture):
    """Free-form continuous flow (Grathwohl et al. 2018, arXiv:1810.01367).

    Train it by `objectives.flow_matching`, which never solves the equation, or by maximum
    likelihood, which solves it with its trace at every step and takes far longer.

    Args:
        width, depth, activation, network, num_frequencies: of the velocity, see
            `networks.VectorField`. A rough activation such as ReLU costs solver steps.
        trace, num_probes, solver, adjoint: see `bijections.ContinuousFlow`.
        rtol, atol, max_steps: of the solver.
    """

    name: ClassVar[str] = "ffjord"
    width: int = 128
    depth: int = 3
    activation: str = "silu"
    network: str = "residual"
    num_frequencies: int = 4
    trace: str = "auto"
    num_probes: int = 1
    solver: str = "tsit5"
    adjoint: str = "recursive-checkpoint"
    rtol: float = 1e-5
    atol: float = 1e-5
    max_steps: int = 1000

    def build(self, dim: int, cond_dim: int = 0, *, key: Key) -> Transformed:
        key_field, key_probes = jr.split(key)
        field = VectorField(
            dim,
            cond_dim,
            width=self.width,
            depth=self.depth,
            activation=self.activation,
            network=self.network,
            num_frequencies=self.num_frequencies,
            key=key_field,
        )
        flow = ContinuousFlow(
            field,
            (dim,),
            (cond_dim,) if cond_dim else None,
            trace=self.trace,
            num_probes=self.num_probes,
            solver=self.solver,
            adjoint=self.adjoint,
            tolerance=Tolerance(self.rtol, self.atol, self.max_steps),
            key=key_probes,
        )
        return Transformed(StandardNormal((dim,)), flow)
