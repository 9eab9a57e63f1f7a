"""Stages from fine to coarse, each letting part of its channels go."""

import math
from collections.abc import Sequence
from itertools import pairwise

import equinox as eqx
import jax.numpy as jnp

from retrodict.bijections.base import AbstractBijection
from retrodict.errors import ConfigurationError
from retrodict.typing import Array, Float, Scalar


class MultiScale(AbstractBijection):
    """The multi-scale architecture (Dinh et al. 2016, arXiv:1605.08803, sec. 3.6).

    After each stage but the last, the first channels go on to the next stage and the others
    leave as part of z:

        h_0 = x,   (h_i, z_i) = stage_i(h_{i-1}) split along its channels,   z = (z_1, ..., z_K)

    with z_K all that the last stage gives. z is one flat vector, what left first coming first.
    log |det dz/dx| is the sum over the stages.

    Args:
        stages: the first is applied to x; each begins in the channels that the one before it
            passed on, and ends in at least one channel more than that.
    """

    stages: tuple[AbstractBijection, ...]
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: tuple[int, ...] | None = eqx.field(static=True)

    def __init__(self, stages: Sequence[AbstractBijection]) -> None:
        if not stages:
            raise ConfigurationError("A multi-scale flow needs at least one stage; got none.")
        cond_shapes = {s.cond_shape for s in stages if s.cond_shape is not None}
        fits = all(_passes_on(a.out_shape, b.shape) for a, b in pairwise(stages))
        if not fits or len(cond_shapes) > 1:
            shapes = ", ".join(f"{s.shape} to {s.out_shape}" for s in stages)
            raise ConfigurationError(
                "Each stage must begin with some of the channels in which the one before it "
                f"ended, and conditions must agree; got shapes {shapes} and condition shapes "
                f"{sorted(cond_shapes)}.",
                "A stage from (1, 8, 8) to (4, 4, 4) may be followed by one from (2, 4, 4).",
            )
        self.stages = tuple(stages)
        self.shape = stages[0].shape
        self.cond_shape = cond_shapes.pop() if cond_shapes else None

    @property
    def out_shape(self) -> tuple[int, ...]:
        return (math.prod(self.shape),)

    def forward_and_log_det(
        self, x: Float[Array, "..."], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, " dim"], Scalar]:
        total = jnp.zeros((), x.dtype)
        parts = []
        for stage, num_kept in zip(self.stages, self._nums_kept(), strict=True):
            x, log_det = stage.forward_and_log_det(x, condition)
            total = total + log_det
            parts.append(x[num_kept:].reshape(-1))
            x = x[:num_kept]
        return jnp.concatenate(parts), total

    def inverse_and_log_det(
        self, z: Float[Array, " dim"], condition: Float[Array, "..."] | None = None
    ) -> tuple[Float[Array, "..."], Scalar]:
        total = jnp.zeros((), z.dtype)
        kept = jnp.zeros((0, *self.stages[-1].out_shape[1:]), z.dtype)
        for stage, num_kept in zip(reversed(self.stages), reversed(self._nums_kept()), strict=True):
            num_left = math.prod(stage.out_shape) - kept.size
            z, part = jnp.split(z, [z.size - num_left])
            left = part.reshape(stage.out_shape[0] - num_kept, *stage.out_shape[1:])
            kept, log_det = stage.inverse_and_log_det(jnp.concatenate([kept, left]), condition)
            total = total + log_det
        return kept, total

    def _nums_kept(self) -> list[int]:
        return [stage.shape[0] for stage in self.stages[1:]] + [0]


def _passes_on(end: tuple[int, ...], start: tuple[int, ...]) -> bool:
    return len(end) == len(start) > 0 and end[1:] == start[1:] and 0 < start[0] < end[0]
