"""Maximum entropy under moment constraints."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.random as jr

from retrodict.bijections import is_random, renew_randomness
from retrodict.distributions.base import AbstractDistribution
from retrodict.typing import Array, Float, Key, Scalar, UInt32

Moments = Callable[[Array], Array]
"""T: from one x to a vector of numbers."""

Support = Callable[[Array], tuple[Array, Scalar]]
"""From one real vector y to x inside the support, and log |det dx/dy|."""


class Draw(NamedTuple):
    """One draw x of a density over a support, its moments T(x) and log q(x)."""

    x: Float[Array, "..."]
    moments: Float[Array, "..."]
    log_prob: Float[Array, "..."]


class AugmentedLagrangian(eqx.Module):
    """Augmented Lagrangian of maximum entropy (Loaiza-Ganem et al. 2017, arXiv:1701.03504, eq. 6).

        L(q) = -H(q) + lambda . R + c/2 R' M R,   R = E_q[T(x)] - values

    Entropy and moments are those of q's own draws, through which gradients flow. The two
    factors R of the penalty come from different halves of the batch, so that the gradient of
    their product is unbiased. At the constrained minimum log q(x) = -lambda . T(x) - log Z.

    Attributes:
        moments: T.
        support: the map from the reals, where q's flow lives, to x.
        values: wanted of E[T].
        multipliers: lambda, per unit of T.
        penalty: c.
        metric: M. With the inverse covariance of T under q, no unit or mixing of the
            constraints matters, and c = 1 weighs the penalty like the entropy itself.
    """

    moments: Moments
    support: Support
    values: Float[Array, " moments"]
    multipliers: Float[Array, " moments"]
    penalty: Scalar
    metric: Float[Array, "moments moments"]

    def __call__(
        self, distribution: AbstractDistribution, batch: UInt32[Array, "rows words"], key: Key
    ) -> Scalar:
        """The loss.

        Args:
            distribution: q's flow, over the reals.
            batch: data of one random key per draw, `draw_key(key)`, at least two.
            key: of flows that estimate their log-determinant; unused otherwise.
        """
        draws = self.draw(distribution, batch, key)
        residuals = draws.moments - self.values
        half = len(batch) // 2
        first, second = residuals[:half].mean(axis=0), residuals[half:].mean(axis=0)
        lagrangian = draws.log_prob.mean() + self.multipliers @ residuals.mean(axis=0)
        return lagrangian + 0.5 * self.penalty * (first @ self.metric @ second)

    def draw(
        self, distribution: AbstractDistribution, batch: UInt32[Array, "rows words"], key: Key
    ) -> Draw:
        """Draws of q, differentiable in its parameters."""

        def one(data: UInt32[Array, " words"], key: Key) -> Draw:
            model = renew_randomness(distribution, key) if is_random(distribution) else distribution
            y, log_prob = model.sample_and_log_prob(jr.wrap_key_data(data))
            x, log_det = self.support(y)
            return Draw(x, self.moments(x), log_prob - log_det)

        return jax.vmap(one)(batch, jr.split(key, len(batch)))


def draw_key(key: Key) -> UInt32[Array, " words"]:
    """One row of a batch: the randomness of one draw, as numbers that can be kept and split."""
    return jr.key_data(key)
