"""Monotone piecewise-linear splines."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from retrodict.bijections.spline_bins import Bin, find_bin, inner_knots, require_spline, shares
from retrodict.bijections.transformers import AbstractTransformer
from retrodict.typing import Array, Float, Scalar


class PiecewiseLinearTransformer(AbstractTransformer):
    """Piecewise-linear spline on [-bound, bound] (Mueller et al. 2019, arXiv:1808.03856, sec. 4.1).

    The bins are equally wide and their heights learned: the density that the map gives to a
    uniform variable is a histogram. Between two knots, with xi the relative position in the bin,

        z = z_k + h xi

    Outside, the identity. The map is continuous; its derivative jumps at every knot and at both
    ends.

    Args:
        num_bins: bins between -bound and bound.
        bound: half the width of the square that holds the spline.
    """

    num_bins: int = eqx.field(default=10, static=True)
    bound: float = eqx.field(default=5.0, static=True)

    def __check_init__(self) -> None:
        require_spline(self.num_bins, self.bound)

    @property
    def num_parameters(self) -> int:
        """Heights of the bins."""
        return self.num_bins

    def forward_and_log_det(
        self, x: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        inside = jnp.abs(x) < self.bound
        safe_x = jnp.where(inside, x, 0)
        found = self._bin(safe_x, parameters, among_z=False)
        z = found.z0 + (safe_x - found.x0) * found.slope
        return jnp.where(inside, z, x), jnp.where(inside, jnp.log(found.slope), 0)

    def inverse_and_log_det(
        self, z: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        inside = jnp.abs(z) < self.bound
        safe_z = jnp.where(inside, z, 0)
        found = self._bin(safe_z, parameters, among_z=True)
        x = found.x0 + (safe_z - found.z0) / found.slope
        return jnp.where(inside, x, z), jnp.where(inside, -jnp.log(found.slope), 0)

    def _bin(self, value: Scalar, parameters: Float[Array, " parameters"], *, among_z: bool) -> Bin:
        ends = np.linspace(-self.bound, self.bound, self.num_bins + 1)
        x_knots = jnp.asarray(ends[1:-1], parameters.dtype)
        z_knots = inner_knots(shares(parameters), self.bound)
        return find_bin(value, x_knots, z_knots, self.bound, among_z=among_z)
