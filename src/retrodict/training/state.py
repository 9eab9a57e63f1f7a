"""Everything a training step changes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax  # type: ignore[import-untyped]
from jaxtyping import PyTree

from retrodict.training.optimiser import AdamW
from retrodict.typing import Array, Int, Scalar


class TrainingState(eqx.Module):
    """What one step takes and gives back; together with the keys it decides all that follows.

    Attributes:
        parameters: the trainable leaves of the model.
        optimiser: Adam's moments.
        average: sum of the exponential moving average, before its correction; None without.
        learning_rate: of the latest step.
        step: steps taken, skipped ones included.
        num_updates: steps that changed the parameters.
        bad_streak: consecutive skipped steps up to now.
        worst_streak: the longest such streak so far.
        loss_sum: of the finite losses of this epoch.
        num_losses: how many they are.
        num_left_out: examples left out of their batches so far because they were not finite.
    """

    parameters: PyTree
    optimiser: optax.OptState
    average: PyTree | None
    learning_rate: Scalar
    step: Int[Array, ""]
    num_updates: Int[Array, ""]
    bad_streak: Int[Array, ""]
    worst_streak: Int[Array, ""]
    loss_sum: Scalar
    num_losses: Int[Array, ""]
    num_left_out: Int[Array, ""]


def initial_state(parameters: PyTree, optimiser: AdamW, *, averaged: bool) -> TrainingState:
    """The state before the first step, in buffers of its own, so that they can be donated."""
    parameters = snapshot(parameters)
    return TrainingState(
        parameters=parameters,
        optimiser=snapshot(optimiser.initial(parameters)),
        average=jax.tree.map(jnp.zeros_like, parameters) if averaged else None,
        learning_rate=jnp.zeros((), float),
        step=jnp.zeros((), jnp.int32),
        num_updates=jnp.zeros((), jnp.int32),
        bad_streak=jnp.zeros((), jnp.int32),
        worst_streak=jnp.zeros((), jnp.int32),
        loss_sum=jnp.zeros((), float),
        num_losses=jnp.zeros((), jnp.int32),
        num_left_out=jnp.zeros((), jnp.int32),
    )


def candidate(
    parameters: PyTree, average: PyTree | None, num_updates: Int[Array, ""], decay: Scalar | None
) -> PyTree:
    """The parameters that are validated and kept: the last ones, or their moving average.

    The average starts from zero, so it is divided by 1 - decay^n (Kingma & Ba 2015, section 3).
    """
    if average is None or decay is None:
        return parameters
    weight = 1.0 - decay ** num_updates.astype(decay.dtype)
    # Before the first update the average is empty, and the parameters stand for it.
    begun = num_updates > 0
    safe = jnp.where(begun, weight, 1.0)
    return jax.tree.map(
        lambda a, p: jnp.where(begun, a / safe.astype(a.dtype), p), average, parameters
    )


@jax.jit
def snapshot(tree: PyTree) -> PyTree:
    """A copy in new buffers, which survives the donation of the original."""
    return jax.tree.map(jnp.copy, tree)
