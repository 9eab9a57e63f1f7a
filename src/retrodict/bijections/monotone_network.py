"""A small monotone network as an elementwise transformer."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from retrodict.bijections.bracketed_root import bracketed_root
from retrodict.bijections.tolerance import Tolerance
from retrodict.bijections.transformers import AbstractTransformer
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Scalar

_MIN_SLOPE = 1e-2
_MAX_LOG_STEEPNESS = 3.0
_SOFTPLUS_ONE = float(np.log(np.expm1(1.0)))


class MonotoneNetworkTransformer(AbstractTransformer):
    """A monotone network whose weights are the parameters (Huang et al. 2018, arXiv:1804.00779).

        z = r(x) + sum_k a_k h((x - c_k) / t_k),   h(v) = tanh(v / 2),   a_k, t_k > 0

    one hidden layer of increasing units with positive weights. At parameters of zero the
    centres c_k divide [-bound, bound] evenly and all widths t_k and amplitudes a_k are equal;
    r is x less the units at these values. So the map starts as the identity, with units that
    differ. Its slope is at least 0.01, and one far outside: it is onto, whatever the
    parameters. The inverse is found by bisection between bounds that hold everywhere,
    |z - x| <= sum_k (a_k + a_k at the start), and differentiated implicitly.

    Args:
        num_units: in the hidden layer.
        bound: half the width of where the units start.
        tolerance: of the inverse.
    """

    num_units: int = eqx.field(default=16, static=True)
    bound: float = eqx.field(default=3.0, static=True)
    tolerance: Tolerance = eqx.field(default_factory=Tolerance)

    def __check_init__(self) -> None:
        if self.num_units < 2:
            raise ConfigurationError(
                f"A monotone network needs at least two units; got {self.num_units}.", "Use 16."
            )
        if not self.bound > 0:
            raise ConfigurationError(
                f"The bound of a monotone network must be positive; got {self.bound}.", "Use 3.0."
            )

    @property
    def num_parameters(self) -> int:
        """Amplitude, centre and width of each unit."""
        return 3 * self.num_units

    def forward_and_log_det(
        self, x: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        z, slope = self._value_and_slope(x, *self._units(parameters))
        return z, jnp.log(slope)

    def inverse_and_log_det(
        self, z: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        amplitudes, centres, widths = self._units(parameters)

        def distance(x: Scalar) -> tuple[Scalar, Scalar]:
            value, slope = self._value_and_slope(x, amplitudes, centres, widths)
            return value - z, slope

        _, _, amplitude = _start(self.num_units, self.bound)
        reach = amplitudes.sum() + self.num_units * amplitude
        x = bracketed_root(
            distance, z - reach, z + reach, self.tolerance, "The inverse of a monotone network"
        )
        return x, -jnp.log(distance(x)[1])

    def _units(
        self, parameters: Float[Array, " parameters"]
    ) -> tuple[Float[Array, " units"], Float[Array, " units"], Float[Array, " units"]]:
        """Amplitudes, centres and widths."""
        raw_amplitudes, shifts, raw_widths = jnp.split(parameters, 3)
        centres, width, amplitude = _start(self.num_units, self.bound)
        amplitudes = amplitude * jax.nn.softplus(raw_amplitudes + _SOFTPLUS_ONE)
        # As in the affine transformer: a soft clamp of the logarithm.
        steepness = _MAX_LOG_STEEPNESS * (2 / jnp.pi) * jnp.arctan(raw_widths / _MAX_LOG_STEEPNESS)
        return amplitudes, jnp.asarray(centres, shifts.dtype) + shifts, width * jnp.exp(-steepness)

    def _value_and_slope(
        self,
        x: Scalar,
        amplitudes: Float[Array, " units"],
        centres: Float[Array, " units"],
        widths: Float[Array, " units"],
    ) -> tuple[Scalar, Scalar]:
        start_centres, start_width, start_amplitude = _start(self.num_units, self.bound)
        value, slope = _sigmoids((x - centres) / widths)
        start_value, start_slope = _sigmoids(
            (x - jnp.asarray(start_centres, x.dtype)) / start_width
        )
        z = x + (amplitudes * value - start_amplitude * start_value).sum()
        rest = 1 - start_amplitude / start_width * start_slope.sum()
        return z, rest + (amplitudes / widths * slope).sum()


def _sigmoids(v: Float[Array, " units"]) -> tuple[Float[Array, " units"], Float[Array, " units"]]:
    """tanh(v / 2) and its derivative, whose relative error stays small where it vanishes."""
    return jnp.tanh(v / 2), 2 * jax.nn.sigmoid(v) * jax.nn.sigmoid(-v)


@functools.cache
def _start(num_units: int, bound: float) -> tuple[np.ndarray, float, float]:
    """Centres, width and amplitude of the units at parameters of zero.

    The width is half the spacing, which makes the sum of the slopes flat between the outer
    centres; the amplitude makes its maximum 1 - _MIN_SLOPE.
    """
    centres = np.linspace(-bound, bound, num_units)
    width = bound / (num_units - 1)
    x = np.linspace(-bound, bound, 100 * num_units + 1)
    tanh = np.tanh((x[:, None] - centres) / width / 2)
    largest = ((1 - tanh**2) / 2 / width).sum(axis=1).max()
    return centres, width, float((1 - _MIN_SLOPE) / largest)
