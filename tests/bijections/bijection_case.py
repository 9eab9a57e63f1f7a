"""A bijection to be tested: how to build it, and where its laws are tried."""

import dataclasses
from collections.abc import Callable, Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from retrodict.bijections import AbstractBijection

DIM, COND_DIM = 3, 2

FAR = (-1e4, 0.0, 1e4)
EXACT = {"float32": 3e-4, "float64": 1e-9}


@dataclasses.dataclass(frozen=True)
class Case:
    """A constructor; a map from normal numbers into its domain; points where it may break.

    Attributes:
        build: the bijection, from a key, with parameters that are not at their start.
        into_domain: from normal numbers of shape (num, *shape) to valid x.
        extreme_x: further valid x, where finite numbers are not a matter of course.
        far_x, far_z: whether +-1e4 in every entry is among the points where values and
            gradients must be finite.
        knots: values at which pieces meet, tried in every entry of x and z.
        shape, out_shape: of one x and one z.
        tolerances: of the laws by dtype; a numerical inverse keeps them to its own tolerance.
    """

    build: Callable[[jax.Array], AbstractBijection]
    into_domain: Callable[[np.ndarray], np.ndarray] = lambda normal: normal
    extreme_x: tuple[tuple[float, ...], ...] = ()
    far_x: bool = True
    far_z: bool = True
    knots: tuple[float, ...] = ()
    shape: tuple[int, ...] = (DIM,)
    out_shape: tuple[int, ...] | None = None
    tolerances: Mapping[str, float] = dataclasses.field(default_factory=lambda: EXACT)

    @property
    def z_shape(self) -> tuple[int, ...]:
        return self.shape if self.out_shape is None else self.out_shape

    def x(self, num: int) -> np.ndarray:
        return self.into_domain(np.random.default_rng(1).normal(size=(num, *self.shape)))

    def z(self, num: int) -> np.ndarray:
        return np.clip(np.random.default_rng(2).normal(size=(num, *self.z_shape)), -3, 3)

    def breaking_x(self) -> np.ndarray:
        values = (*(FAR if self.far_x else ()), *self.knots)
        extreme = np.reshape(self.extreme_x, (-1, *self.shape))
        return np.concatenate([_constant(values, self.shape), extreme])

    def breaking_z(self) -> np.ndarray:
        return _constant((*(FAR if self.far_z else (0.0,)), *self.knots), self.z_shape)


def _constant(values: tuple[float, ...], shape: tuple[int, ...]) -> np.ndarray:
    return np.stack([np.full(shape, v) for v in values]) if values else np.empty((0, *shape))


def randomise(bijection: AbstractBijection, key: jax.Array) -> AbstractBijection:
    """Adds noise to every parameter: networks start at zero, where every law is easy."""
    # NumPy's noise: JAX would compile a program for every shape of a leaf.
    rng = np.random.default_rng(jr.key_data(key).tolist())
    return jax.tree.map(
        lambda leaf: (
            leaf + 0.3 * jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype)
            if eqx.is_inexact_array(leaf)
            else leaf
        ),
        bijection,
    )
