"""The training loop: what is known to the host, and when it looks at the device."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import PyTree

from retrodict.errors import ConfigurationError, ShapeError, TooFewRowsError
from retrodict.training.config import TrainingConfig
from retrodict.training.fingerprint import fingerprint
from retrodict.training.interrupt import deferred_interrupt
from retrodict.training.optimiser import AdamW
from retrodict.training.progress import Progress, SilentProgress
from retrodict.training.result import Outcome, TrainingResult
from retrodict.training.run import Run
from retrodict.training.schedule import cosine_with_warmup
from retrodict.training.sharding import along_one_axis, divisible_batch_size, place_model, replicate
from retrodict.training.source import AbstractBatchSource, InMemory, Online
from retrodict.training.step import Augment, Loss, Program
from retrodict.training.validation import Validation, block_size_for
from retrodict.typing import Key

_DEFAULTS = TrainingConfig()
_SILENT = SilentProgress()
_OnDevices = TypeVar("_OnDevices", Program, Validation)


def train(
    model: PyTree,
    loss: Loss,
    data: PyTree,
    validation_data: PyTree,
    *,
    key: Key,
    config: TrainingConfig = _DEFAULTS,
    validation_loss: Loss | None = None,
    metrics: Mapping[str, Loss] | None = None,
    augment: Augment | None = None,
    trainable: PyTree | Callable[[object], bool] = eqx.is_inexact_array,
    progress: Progress | None = None,
    description: str = "training",
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 30.0,
    mesh: Mesh | None = None,
) -> TrainingResult:
    """Minimises a loss over rows that fit into memory; returns the best model seen.

    An epoch is a pass over the shuffled rows, run on the device in calls of many steps; the
    held-out loss after each decides which parameters are kept. The result depends on model,
    data, config and key alone: not on speed, on how epochs are cut into calls, or on how often
    the run was killed and resumed from its checkpoint.

    The compiled program is shared by runs whose model, loss and data have the same structure
    and shapes; pass the loss as a function that lives on, or an Equinox module, not as a new
    lambda each time.

    Args:
        model: any pytree.
        loss: `loss(model, batch, key)`, the mean over a batch.
        data: pytree of arrays with rows along their first axis.
        validation_data: held-out rows of the same structure.
        key: of all randomness.
        config: how long, how fast, how carefully.
        validation_loss: what is to be best on held-out rows, if not `loss`. Dropout is off.
        metrics: further losses of held-out rows by name, told in the history.
        augment: `augment(batch, key)`, applied to training batches only, e.g. adds noise.
        trainable: filter for the leaves to train: a function of a leaf, or a tree of booleans
            as in `equinox.partition`. All others stay as they are.
        progress: is told how it goes.
        description: of the run, for `progress`.
        checkpoint: file to resume from, if it exists, and to write to. It stays after success;
            `remove_checkpoint` deletes it.
        checkpoint_seconds: between two writes of it.
        mesh: devices that share every batch. Losses and gradients of the shares are averaged,
            so the loss has to be a mean over rows; one that compares rows with each other,
            like MMD, needs the batch in one place. Of a mesh whose only axis is called
            `members`, devices share the first axis of every array of the model instead; the
            loss has to be a mean over members.

    Returns:
        The best model, how training ended, and its history. Ctrl-C ends training after the
        present call, with the best model so far; a second one raises KeyboardInterrupt.

    Raises:
        DivergenceError: if the loss stays non-finite.
        CheckpointMismatchError: if the checkpoint belongs to another run.
        CheckpointCorruptedError: if the checkpoint is damaged.
        ShapeError: if arrays have different numbers of rows.
        TooFewRowsError: without rows to train or to validate on.
        ConfigurationError: if a batch cannot be shared out over the mesh, or the loss is not
            one number.
    """
    devices = None if mesh is None else along_one_axis(mesh)
    data = jax.tree.map(jnp.asarray, data)
    num_rows = _count_rows(data, "training")
    batch_size = divisible_batch_size(config.batch_size, num_rows, devices)
    return _train(
        model,
        loss,
        InMemory(data=data, batch_size=batch_size, steps_per_epoch=num_rows // batch_size),
        validation_data,
        key=key,
        config=config,
        validation_loss=validation_loss,
        metrics=metrics,
        augment=augment,
        trainable=trainable,
        progress=progress,
        description=description,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        mesh=devices,
    )


def train_online(
    model: PyTree,
    loss: Loss,
    simulate: Callable[[Key], PyTree],
    validation_data: PyTree,
    *,
    key: Key,
    config: TrainingConfig = _DEFAULTS,
    steps_per_epoch: int = 500,
    validation_loss: Loss | None = None,
    metrics: Mapping[str, Loss] | None = None,
    augment: Augment | None = None,
    trainable: PyTree | Callable[[object], bool] = eqx.is_inexact_array,
    progress: Progress | None = None,
    description: str = "training",
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 30.0,
    mesh: Mesh | None = None,
) -> TrainingResult:
    """Minimises a loss over fresh simulations, made inside the compiled loop.

    Simulations that are not finite are left out and counted in the result. As `train`, except
    for:

    Args:
        model: any pytree.
        loss: `loss(model, batch, key)`, the mean over a batch.
        simulate: `simulate(key)`, one example; mapped over the keys of a batch.
        validation_data: held-out rows, with the structure of a batch of simulations.
        key: of all randomness.
        config: how long, how fast, how carefully.
        steps_per_epoch: steps between two validations, called an epoch here.
        validation_loss: as in `train`.
        metrics: as in `train`.
        augment: as in `train`.
        trainable: as in `train`.
        progress: as in `train`.
        description: as in `train`.
        checkpoint: as in `train`.
        checkpoint_seconds: as in `train`.
        mesh: as in `train`.
    """
    if steps_per_epoch < 1:
        raise ConfigurationError(
            f"`steps_per_epoch` has to be at least 1; got {steps_per_epoch}.",
            "Choose how many steps to take between two validations.",
        )
    devices = None if mesh is None else along_one_axis(mesh)
    batch_size = divisible_batch_size(config.batch_size, None, devices)
    return _train(
        model,
        loss,
        Online(simulate=simulate, batch_size=batch_size, steps_per_epoch=steps_per_epoch),
        validation_data,
        key=key,
        config=config,
        validation_loss=validation_loss,
        metrics=metrics,
        augment=augment,
        trainable=trainable,
        progress=progress,
        description=description,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        mesh=devices,
    )


def _train(
    model: PyTree,
    loss: Loss,
    source: AbstractBatchSource,
    validation_data: PyTree,
    *,
    key: Key,
    config: TrainingConfig,
    validation_loss: Loss | None,
    metrics: Mapping[str, Loss] | None,
    augment: Augment | None,
    trainable: PyTree | Callable[[object], bool],
    progress: Progress | None,
    description: str,
    checkpoint: Path | None,
    checkpoint_seconds: float,
    mesh: Mesh | None,
) -> TrainingResult:
    validation_data = jax.tree.map(jnp.asarray, validation_data)
    num_held_out = _count_rows(validation_data, "held-out")
    shuffle_key, step_key, validation_key = jax.random.split(key, 3)
    parameters, frozen = eqx.partition(model, trainable)
    ema_decay = None if config.ema_decay is None else jnp.asarray(config.ema_decay, float)
    program = Program(
        frozen=frozen,
        loss=loss,
        augment=augment,
        source=source,
        optimiser=AdamW(
            clip_norm=jnp.asarray(config.clip_norm, float),
            weight_decay=jnp.asarray(config.weight_decay, float) if config.weight_decay else None,
            betas=config.betas,
        ),
        # Where time decides, the run stretches the schedule as it measures its pace.
        schedule=cosine_with_warmup(config, config.num_steps(source.steps_per_epoch) or 1),
        ema_decay=ema_decay,
        max_bad_steps=jnp.asarray(config.max_bad_steps, jnp.int32),
        key=step_key,
        mesh=mesh,
    )
    validation = Validation(
        frozen=frozen,
        loss=loss if validation_loss is None else validation_loss,
        metrics=dict(metrics or {}),
        data=validation_data,
        ema_decay=ema_decay,
        key=validation_key,
        block_size=block_size_for(num_held_out, config.validation_batch_size),
        mesh=mesh,
    )
    run = Run(
        program=_placed(program, mesh),
        validation=_placed(validation, mesh),
        parameters=place_model(parameters, mesh),
        shuffle_key=replicate(shuffle_key, mesh),
        config=config,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        fingerprint=None
        if checkpoint is None
        else fingerprint(
            config=config,
            steps_per_epoch=source.steps_per_epoch,
            model=model,
            data=source,
            validation_data=validation_data,
            key=key,
        ),
    )
    return _drive(run, progress=_SILENT if progress is None else progress, description=description)


def _placed(what: _OnDevices, mesh: Mesh | None) -> _OnDevices:
    """A program or validation whose model lies where it is to be, and all else everywhere."""
    frozen = place_model(what.frozen, mesh)
    return dataclasses.replace(replicate(what, mesh), frozen=frozen)


def _drive(run: Run, *, progress: Progress, description: str) -> TrainingResult:
    """Calls the device until there is an outcome, and tells about it in between."""
    outcome: Outcome | None = None
    with deferred_interrupt() as interrupt:
        progress.start(run.total_epochs, description)
        try:
            run.begin()
            progress.update(run.history[-1], run.time_left, run.fraction)
            while outcome is None:
                outcome = run.outcome(interrupted=interrupt.requested)
                if outcome is None:
                    run.advance()
                    progress.update(run.history[-1], run.time_left, run.fraction)
            result = run.finish(outcome)
        except BaseException:
            outcome = None
            raise
        finally:
            progress.stop(outcome)
    return result


def _count_rows(data: PyTree, kind: str) -> int:
    counts = {leaf.shape[0] if leaf.ndim else 0 for leaf in jax.tree.leaves(data)}
    if len(counts) > 1:
        raise ShapeError(
            f"All {kind} arrays need the same number of rows; got {sorted(counts)}.",
            "Rows are the first axis, and row i of every array belongs to example i.",
        )
    if not counts or counts == {0}:
        raise TooFewRowsError(
            f"Expected at least one {kind} row; got none.",
            "Give more rows, or another share of held-out rows.",
        )
    return counts.pop()
