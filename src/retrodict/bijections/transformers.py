"""Elementwise transformers: invertible maps of the real line with parameters from a network.

At parameters of zero each is the identity, so that a network whose last layer starts at zero
starts the flow there.
"""

import abc

import equinox as eqx
import jax.numpy as jnp

from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Scalar


class AbstractTransformer(eqx.Module):
    """A monotone map of one real number, set by `num_parameters` unconstrained numbers."""

    @property
    @abc.abstractmethod
    def num_parameters(self) -> int:
        """Unconstrained numbers that set the map."""

    @property
    def is_circular(self) -> bool:
        """Whether it maps angles to angles in [-pi, pi), rather than real numbers."""
        return False

    def tie(
        self, parameters: Float[Array, "entries parameters"]
    ) -> Float[Array, "entries parameters"]:
        """The parameters of all entries that one layer moves, where they depend on each other.

        Each entry is transformed alone, by its row of what this returns: by default, of what
        the network gave.
        """
        return parameters

    @abc.abstractmethod
    def forward_and_log_det(
        self, x: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        """z and log dz/dx."""

    @abc.abstractmethod
    def inverse_and_log_det(
        self, z: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        """x and log dx/dz."""


class AdditiveTransformer(AbstractTransformer):
    """z = x + t (NICE, Dinh et al. 2014, arXiv:1410.8516)."""

    @property
    def num_parameters(self) -> int:
        return 1

    def forward_and_log_det(
        self, x: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        return x + parameters[0], jnp.zeros_like(x)

    def inverse_and_log_det(
        self, z: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        return z - parameters[0], jnp.zeros_like(z)


class AffineTransformer(AbstractTransformer):
    """z = x exp(s) + t (RealNVP, Dinh et al. 2016, arXiv:1605.08803, eq. 7), s softly clamped.

    s = clamp * 2/pi * arctan(s_raw / clamp), which keeps |s| < clamp (Ardizzone et al. 2019,
    arXiv:1907.02392).
    """

    clamp: float = eqx.field(default=2.0, static=True)

    @property
    def num_parameters(self) -> int:
        return 2

    def forward_and_log_det(
        self, x: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        log_scale = self._log_scale(parameters)
        return x * jnp.exp(log_scale) + parameters[1], log_scale

    def inverse_and_log_det(
        self, z: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        log_scale = self._log_scale(parameters)
        return (z - parameters[1]) * jnp.exp(-log_scale), -log_scale

    def _log_scale(self, parameters: Float[Array, " parameters"]) -> Scalar:
        return _soft_clamp(parameters[0], self.clamp)


class VolumePreservingAffineTransformer(AbstractTransformer):
    """z = x exp(s) + t, the s of all entries summing to zero (GIN, Sorrenson et al. 2020).

    arXiv:2001.04872, sec. 3. Each s is softly clamped as in `AffineTransformer`, then the mean
    over the entries is taken off: log |det dz/dx| = 0. A single entry is only shifted.
    """

    clamp: float = eqx.field(default=2.0, static=True)

    @property
    def num_parameters(self) -> int:
        return 2

    def tie(
        self, parameters: Float[Array, "entries parameters"]
    ) -> Float[Array, "entries parameters"]:
        log_scale = _soft_clamp(parameters[:, 0], self.clamp)
        return parameters.at[:, 0].set(log_scale - log_scale.mean())

    def forward_and_log_det(
        self, x: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        return x * jnp.exp(parameters[0]) + parameters[1], parameters[0]

    def inverse_and_log_det(
        self, z: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        return (z - parameters[1]) * jnp.exp(-parameters[0]), -parameters[0]


class ComposedTransformer(AbstractTransformer):
    """One transformer after another: z = second(first(x)).

    An affine map before a spline brings every value into the spline's box, however far or
    narrow its distribution: the spline is left the shape.
    """

    first: AbstractTransformer
    second: AbstractTransformer

    def __check_init__(self) -> None:
        if self.first.is_circular != self.second.is_circular:
            raise ConfigurationError(
                "A map of angles and a map of real numbers cannot be composed; got "
                f"{type(self.first).__name__}, then {type(self.second).__name__}.",
                "Use the circular transformer alone: it needs no affine map before it.",
            )

    @property
    def is_circular(self) -> bool:
        return self.first.is_circular

    @property
    def num_parameters(self) -> int:
        return self.first.num_parameters + self.second.num_parameters

    def tie(
        self, parameters: Float[Array, "entries parameters"]
    ) -> Float[Array, "entries parameters"]:
        of_first, of_second = jnp.split(parameters, [self.first.num_parameters], axis=1)
        return jnp.concatenate([self.first.tie(of_first), self.second.tie(of_second)], axis=1)

    def forward_and_log_det(
        self, x: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        of_first, of_second = jnp.split(parameters, [self.first.num_parameters])
        x, log_det_first = self.first.forward_and_log_det(x, of_first)
        z, log_det_second = self.second.forward_and_log_det(x, of_second)
        return z, log_det_first + log_det_second

    def inverse_and_log_det(
        self, z: Scalar, parameters: Float[Array, " parameters"]
    ) -> tuple[Scalar, Scalar]:
        of_first, of_second = jnp.split(parameters, [self.first.num_parameters])
        z, log_det_second = self.second.inverse_and_log_det(z, of_second)
        x, log_det_first = self.first.inverse_and_log_det(z, of_first)
        return x, log_det_first + log_det_second


def _soft_clamp(raw: Float[Array, "..."], clamp: float) -> Float[Array, "..."]:
    return clamp * (2 / jnp.pi) * jnp.arctan(raw / clamp)
