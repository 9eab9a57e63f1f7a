"""The normal distribution of point clouds whose centre of mass stays at zero."""

import equinox as eqx
import jax.random as jr
import numpy as np

from retrodict.distributions.base import AbstractDistribution, check_condition
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Key, Scalar


class MeanFreeNormal(AbstractDistribution):
    """Standard normal on the clouds of n points in d dimensions whose mean is zero.

        log p(x) = -|x - mean(x)|^2 / 2 - (n - 1) d / 2 log(2 pi)

    (Satorras et al. 2021, arXiv:2105.09016, sec. 3.1): a density with respect to the
    (n - 1) d-dimensional Lebesgue measure of that subspace. A cloud whose mean is not zero
    gets the density of the cloud moved there, so that the density does not change under
    translations; over all of R^(n d) it has no finite integral. Draws have mean zero. The
    base of a flow of point clouds; it has no parameters.

    Args:
        shape: (points, dimensions of space), at least two points.
    """

    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: None = eqx.field(default=None, static=True)

    def __check_init__(self) -> None:
        if len(self.shape) != 2 or self.shape[0] < 2 or self.shape[1] < 1:
            raise ConfigurationError(
                f"Expected the shape (points, dimensions) of at least two points; got {self.shape}."
            )

    @property
    def dim(self) -> int:
        """Of the subspace: (n - 1) d."""
        return (self.shape[0] - 1) * self.shape[1]

    def log_prob(
        self, x: Float[Array, "points space"], condition: Float[Array, "..."] | None = None
    ) -> Scalar:
        check_condition(condition, self.cond_shape)
        check_condition(condition, self.cond_shape)
        centred = x - x.mean(axis=0)
        return -0.5 * ((centred**2).sum() + self.dim * float(np.log(2 * np.pi)))

    def sample(
        self, key: Key, condition: Float[Array, "..."] | None = None
    ) -> Float[Array, "points space"]:
        check_condition(condition, self.cond_shape)
        check_condition(condition, self.cond_shape)
        x = jr.normal(key, self.shape)
        return x - x.mean(axis=0)
