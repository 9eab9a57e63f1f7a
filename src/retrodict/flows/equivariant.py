"""The continuous flow of point clouds whose density does not change when they are moved."""

from dataclasses import dataclass

import jax.random as jr

from retrodict.bijections import ContinuousFlow, Tolerance
from retrodict.distributions import MeanFreeNormal, Transformed
from retrodict.networks import EquivariantVectorField
from retrodict.typing import Key


@dataclass(frozen=True)
class EquivariantFlow:
    """E(n)-equivariant continuous flow (Satorras et al. 2021, arXiv:2105.09016).

    Of clouds of shape (num_particles, space_dim). Its density is that of the cloud moved to
    zero mean, with respect to the Lebesgue measure of the ((num_particles - 1) space_dim)-
    dimensional subspace; rotations, reflections, translations and relabelling leave it as it
    is. Train it by `objectives.flow_matching` or by maximum likelihood. It is no entry of
    `ARCHITECTURES`, which are flows of vectors.

    Args:
        num_particles, space_dim: of one cloud.
        width, num_layers, activation, num_frequencies, num_radial, largest_distance: of the
            velocity, see `networks.EquivariantVectorField`. Distances are those of the data,
            scaled to unit variance or near it.
        trace, num_probes, solver, adjoint: see `bijections.ContinuousFlow`.
        rtol, atol, max_steps: of the solver. With rtol = 0 every error counts alike, so that
            the steps, too, are the same however a cloud lies.
    """

    num_particles: int
    space_dim: int
    width: int = 64
    num_layers: int = 3
    activation: str = "silu"
    num_frequencies: int = 4
    num_radial: int = 16
    largest_distance: float = 6.0
    trace: str = "auto"
    num_probes: int = 1
    solver: str = "tsit5"
    adjoint: str = "recursive-checkpoint"
    rtol: float = 0.0
    atol: float = 1e-5
    max_steps: int = 1000

    def build(self, cond_dim: int = 0, *, key: Key) -> Transformed:
        """A new flow of clouds given `cond_dim` numbers (0: unconditional)."""
        key_field, key_probes = jr.split(key)
        field = EquivariantVectorField(
            cond_dim,
            width=self.width,
            num_layers=self.num_layers,
            activation=self.activation,
            num_frequencies=self.num_frequencies,
            num_radial=self.num_radial,
            largest_distance=self.largest_distance,
            key=key_field,
        )
        shape = (self.num_particles, self.space_dim)
        flow = ContinuousFlow(
            field,
            shape,
            (cond_dim,) if cond_dim else None,
            trace=self.trace,
            num_probes=self.num_probes,
            solver=self.solver,
            adjoint=self.adjoint,
            tolerance=Tolerance(self.rtol, self.atol, self.max_steps),
            key=key_probes,
        )
        return Transformed(MeanFreeNormal(shape), flow)
