"""Flow matching: the velocity of a continuous flow by regression, without solving it."""

import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from retrodict.bijections import ContinuousFlow
from retrodict.distributions import AbstractDistribution, Transformed, condition_for
from retrodict.distributions.base import check_condition
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Key, Scalar

Batch = tuple[Float[Array, "rows ..."], Float[Array, "rows ..."] | None]
Couple = Callable[
    [Float[Array, "rows ..."], Float[Array, "rows ..."], Key], Float[Array, "rows ..."]
]


class FlowMatchingLoss(eqx.Module):
    """Conditional flow matching along straight lines (Lipman et al. 2022, arXiv:2210.02747).

        E |v(t, x_t; c) - (x_1 - x_0)|^2 / dim,   x_t = (1 - t) x_0 + t x_1,

    x_1 a row of the data, x_0 from the base, t uniform on (0, 1): eq. 23 with sigma_min = 0.
    Its least value is positive: it is the part of x_1 - x_0 that x_t does not tell.
    The times of a batch are spread evenly from one random start, each uniform by itself, which
    lowers the variance (Kingma et al. 2021, arXiv:2107.00630, app. I.1).

    Times of density (1 + p) t^p with p > 0 look closer at the end of the path, where a narrow
    posterior takes its shape (Wildberger et al. 2023, arXiv:2305.17161, sec. 3.3). The best
    velocity is the same for every p.

    Args:
        num_pairs: times and base draws for each row; more make a quieter held-out loss.
        time_power: p, above -1; 0 is uniform.
        couple: `couple(x_0, x_1, key)`, the base draws of a batch in another order or moved
            along a symmetry of the base, so that paths are short and straight (Tong et al.
            2023, arXiv:2302.00482; Klein et al. 2023, arXiv:2306.15030). It must leave the
            distribution of x_0 as it is. Reordering is for models without a condition: with
            one, x_0 would come to depend on it.
    """

    num_pairs: int = eqx.field(default=1, static=True)
    time_power: float = eqx.field(default=0.0, static=True)
    couple: Couple | None = None

    def __check_init__(self) -> None:
        if self.num_pairs < 1:
            raise ConfigurationError(
                f"Each row needs at least one pair; got num_pairs={self.num_pairs}.", "Use 1."
            )
        if not -1 < self.time_power < math.inf:
            raise ConfigurationError(
                "The times have a density for powers above -1 only; got "
                f"time_power={self.time_power}.",
                "Use 0 for uniform times, 1 for more of them near the data.",
            )

    def __call__(self, distribution: AbstractDistribution, batch: Batch, key: Key) -> Scalar:
        """The loss of `flow_matching` with these options."""
        flow, base = _continuous(distribution)
        x1, condition = jax.tree.map(lambda rows: jnp.concatenate([rows] * self.num_pairs), batch)
        key_time, key_base, key_couple = jr.split(key, 3)
        num_rows = len(x1)
        start = jr.uniform(key_time, (), x1.dtype)
        levels = (start + jnp.arange(num_rows, dtype=x1.dtype) / num_rows) % 1
        times = levels ** (1 / (1 + self.time_power))
        of_base = condition_for(base, condition)
        x0 = jax.vmap(base.sample)(jr.split(key_base, num_rows), of_base).astype(x1.dtype)
        if self.couple is not None:
            x0 = self.couple(x0, x1, key_couple)

        def error(
            t: Scalar,
            x0: Float[Array, "..."],
            x1: Float[Array, "..."],
            condition: Float[Array, "..."] | None,
        ) -> Scalar:
            check_condition(condition, distribution.cond_shape)
            velocity = flow.velocity(t, (1 - t) * x0 + t * x1, condition)
            return jnp.mean((velocity - (x1 - x0)) ** 2)

        return jnp.mean(jax.vmap(error)(times, x0, x1, condition))


def flow_matching(distribution: AbstractDistribution, batch: Batch, key: Key) -> Scalar:
    """Mean squared error of the velocity, per entry; see `FlowMatchingLoss`.

    The same key gives the same times and base draws, so that held-out losses differ by the
    parameters alone.

    Args:
        distribution: a base seen through a `ContinuousFlow`, e.g. of `flows.FFJORD`.
        batch: rows of x, and of the condition or None without one.
        key: of times and base draws.

    Raises:
        ConfigurationError: if it is another distribution.
    """
    return FlowMatchingLoss()(distribution, batch, key)


def _continuous(
    distribution: AbstractDistribution,
) -> tuple[ContinuousFlow, AbstractDistribution]:
    if isinstance(distribution, Transformed) and isinstance(distribution.bijection, ContinuousFlow):
        return distribution.bijection, distribution.base
    kind = type(distribution).__name__
    if isinstance(distribution, Transformed):
        kind += f" by {type(distribution.bijection).__name__}"
    raise ConfigurationError(
        f"Flow matching trains the velocity of a `ContinuousFlow`; got {kind}.",
        "Build the model with `FFJORD(...).build(...)`, or train this one by "
        "`negative_log_likelihood`.",
    )
