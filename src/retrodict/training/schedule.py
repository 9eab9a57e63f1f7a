"""The learning rate as a function of the step."""

import equinox as eqx
import jax.numpy as jnp

from retrodict.training.config import TrainingConfig
from retrodict.typing import Array, Int, Scalar


class Schedule(eqx.Module):
    """Linear warm-up, then half a cosine (Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5).

    Its numbers are arrays, so that another schedule needs no other compiled program.

    Attributes:
        peak: learning rate at the end of the warm-up.
        final_fraction: of the peak, reached at the last step.
        num_warmup_steps: steps of the warm-up; the first already moves.
        num_steps: all steps.
    """

    peak: Scalar
    final_fraction: Scalar
    num_warmup_steps: Int[Array, ""]
    num_steps: Int[Array, ""]

    def progress(self, step: Int[Array, ""]) -> Scalar:
        """Share of all steps taken before this one."""
        return step.astype(self.peak.dtype) / self.num_steps.astype(self.peak.dtype)

    def __call__(self, step: Int[Array, ""]) -> Scalar:
        """Learning rate of the step, counted from 0."""
        dtype = self.peak.dtype
        warmup = self.num_warmup_steps
        rising = (step + 1).astype(dtype) / jnp.maximum(warmup, 1).astype(dtype)
        span = jnp.maximum(self.num_steps - 1 - warmup, 1).astype(dtype)
        progress = jnp.clip((step - warmup).astype(dtype) / span, 0.0, 1.0)
        cosine = 0.5 * (1.0 + jnp.cos(jnp.pi * progress))
        falling = self.final_fraction + (1.0 - self.final_fraction) * cosine
        return self.peak * jnp.where(step < warmup, rising, falling)


def cosine_with_warmup(config: TrainingConfig, num_steps: int) -> Schedule:
    """The schedule that `config` asks for over `num_steps` steps."""
    return Schedule(
        peak=jnp.asarray(config.learning_rate, float),
        final_fraction=jnp.asarray(config.final_learning_rate_fraction, float),
        num_warmup_steps=jnp.asarray(round(config.warmup_fraction * num_steps), jnp.int32),
        num_steps=jnp.asarray(num_steps, jnp.int32),
    )
