"""The compiled part of training: many steps in one call."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import PyTree

from retrodict.errors import ConfigurationError
from retrodict.objectives import AbstractScheduledLoss
from retrodict.training.optimiser import AdamW, global_norm
from retrodict.training.schedule import Schedule
from retrodict.training.sharding import shared_by
from retrodict.training.source import AbstractBatchSource
from retrodict.training.state import TrainingState
from retrodict.typing import Array, Int, Key, Scalar

Loss = Callable[[PyTree, PyTree, Key], Scalar]
Augment = Callable[[PyTree, Key], PyTree]


class Program(eqx.Module):
    """What stays the same from step to step.

    Its arrays are traced and the rest is static, so that two runs which differ in numbers
    only (learning rate, decay, number of steps) share one compiled program.

    Attributes:
        frozen: the model without its trainable leaves.
        loss: of the model on a batch: a scalar. One that changes in the course of training is
            told the share of all steps that has been taken.
        augment: changes a training batch, e.g. adds noise; None for nothing.
        source: where batches come from.
        optimiser: turns gradients into updates.
        schedule: learning rate of each step.
        ema_decay: of the moving average of the parameters; None without one.
        max_bad_steps: consecutive bad steps after which the loop ends early.
        key: every step's randomness is derived from it and the number of the step.
        mesh: devices that share a batch, or members.
    """

    frozen: PyTree
    loss: Loss
    augment: Augment | None
    source: AbstractBatchSource
    optimiser: AdamW
    schedule: Schedule
    ema_decay: Scalar | None
    max_bad_steps: Int[Array, ""]
    key: Key
    mesh: Mesh | None = eqx.field(static=True)


@eqx.filter_jit(donate="all-except-first")
def run_steps(
    program_and_window: tuple[Program, PyTree, Int[Array, ""], Int[Array, ""]],
    state: TrainingState,
) -> TrainingState:
    """Takes the steps of an epoch from `start` to before `stop`.

    The bounds are traced: calls of any length are one compiled program, and how an epoch is
    cut into calls does not touch its arithmetic.

    Args:
        program_and_window: the program, the arrays of the source's window, `start`, `stop`;
            together, because this argument is kept while the next one is donated.
        state: consumed.
    """
    program, window, start, stop = program_and_window
    new_epoch = start == 0
    state = eqx.tree_at(
        lambda s: (s.loss_sum, s.num_losses),
        state,
        (
            jnp.where(new_epoch, jnp.zeros_like(state.loss_sum), state.loss_sum),
            jnp.where(new_epoch, jnp.zeros_like(state.num_losses), state.num_losses),
        ),
    )

    def unfinished(carry: tuple[Int[Array, ""], TrainingState]) -> jax.Array:
        position, state = carry
        return (position < stop) & (state.worst_streak < program.max_bad_steps)

    def body(
        carry: tuple[Int[Array, ""], TrainingState],
    ) -> tuple[Int[Array, ""], TrainingState]:
        position, state = carry
        return position + 1, _step(program, window, position, state)

    return jax.lax.while_loop(unfinished, body, (start, state))[1]


def scalar_loss(loss: Loss, model: PyTree, batch: PyTree, key: Key) -> Scalar:
    """The loss, refused where it is not one number."""
    value = loss(model, batch, key)
    if jnp.shape(value) != ():
        raise ConfigurationError(
            f"A loss has to return one number per batch; got shape {jnp.shape(value)}.",
            "Return the mean over the batch.",
        )
    return value


def _step(
    program: Program, window: PyTree, position: Int[Array, ""], state: TrainingState
) -> TrainingState:
    key = jax.random.fold_in(program.key, state.step)
    batch_key, augment_key, loss_key = jax.random.split(key, 3)
    batch, num_left_out = program.source.batch(window, position, batch_key)
    if program.augment is not None:
        batch = program.augment(batch, augment_key)

    loss_now = program.loss
    if isinstance(loss_now, AbstractScheduledLoss):
        loss_now = loss_now.at(program.schedule.progress(state.step))

    def loss_and_gradient(
        parameters: PyTree, frozen: PyTree, batch: PyTree, key: Key
    ) -> tuple[Scalar, PyTree]:
        def objective(parameters: PyTree) -> Scalar:
            model = eqx.combine(parameters, frozen)
            return scalar_loss(loss_now, model, batch, key)

        return jax.value_and_grad(objective)(parameters)

    shared = shared_by(program.mesh, loss_and_gradient)
    loss, gradient = shared(state.parameters, program.frozen, batch, loss_key)
    norm = global_norm(gradient)
    good = jnp.isfinite(loss) & jnp.isfinite(norm)

    learning_rate = program.schedule(state.step)
    parameters, moments = program.optimiser.update(
        state.parameters, gradient, norm, state.optimiser, learning_rate
    )
    average = _averaged(state.average, parameters, program.ema_decay)

    def kept(new: PyTree, old: PyTree) -> PyTree:
        return jax.tree.map(lambda n, o: jnp.where(good, n, o), new, old)

    bad_streak = jnp.where(good, 0, state.bad_streak + 1)
    loss = loss.astype(state.loss_sum.dtype)
    return TrainingState(
        parameters=kept(parameters, state.parameters),
        optimiser=kept(moments, state.optimiser),
        average=kept(average, state.average),
        learning_rate=learning_rate,
        step=state.step + 1,
        num_updates=state.num_updates + good.astype(jnp.int32),
        bad_streak=bad_streak,
        worst_streak=jnp.maximum(state.worst_streak, bad_streak),
        loss_sum=state.loss_sum + jnp.where(good, loss, jnp.zeros_like(loss)),
        num_losses=state.num_losses + good.astype(jnp.int32),
        num_left_out=state.num_left_out + num_left_out,
    )


def _averaged(average: PyTree | None, parameters: PyTree, decay: Scalar | None) -> PyTree | None:
    if average is None or decay is None:
        return None

    def mixed(a: jax.Array, p: jax.Array) -> jax.Array:
        share = decay.astype(a.dtype)
        return share * a + (1.0 - share) * p

    return jax.tree.map(mixed, average, parameters)
