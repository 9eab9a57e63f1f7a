"""One run of training, seen from the host: its position, its best model, its history."""

import dataclasses
import math
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from retrodict.errors import DivergenceError
from retrodict.training.checkpoint import load_checkpoint, save_checkpoint
from retrodict.training.config import TrainingConfig
from retrodict.training.fingerprint import Fingerprint
from retrodict.training.pace import Pace
from retrodict.training.result import EpochRecord, Outcome, TrainingResult
from retrodict.training.schedule import cosine_with_warmup
from retrodict.training.sharding import gather, place_model, replicate
from retrodict.training.source import Window
from retrodict.training.state import initial_state, snapshot
from retrodict.training.step import Program, run_steps
from retrodict.training.validation import Validation, held_out_loss
from retrodict.typing import Key

# Many, so that the schedule hardly begins with the few steps before the first measurement.
_STEPS_BEFORE_PACE_IS_KNOWN = 100_000


class Run:
    """A training run between two calls of the device.

    `begin`, then `advance` until `outcome` is not None, then `finish`.

    Attributes:
        config: its settings.
        history: records of the finished epochs, the first for the model as it came.
    """

    def __init__(
        self,
        *,
        program: Program,
        validation: Validation,
        parameters: PyTree,
        shuffle_key: Key,
        config: TrainingConfig,
        checkpoint: Path | None,
        checkpoint_seconds: float,
        fingerprint: Fingerprint | None,
    ) -> None:
        self.config = config
        self.history: list[EpochRecord] = []
        self._program = program
        self._validation = validation
        self._shuffle_key = shuffle_key
        self._checkpoint = checkpoint
        self._checkpoint_seconds = checkpoint_seconds
        self._fingerprint = fingerprint
        self._steps_per_epoch = program.source.steps_per_epoch
        self._most_steps = config.num_steps(self._steps_per_epoch)
        # Placed as the compiled loop gives it back, or the second call would compile it anew.
        self._state = place_model(
            initial_state(parameters, program.optimiser, averaged=config.ema_decay is not None),
            program.mesh,
        )
        self._best: PyTree = snapshot(parameters)
        self._best_epoch = 0
        self._best_loss = math.inf
        self._epoch = 0  # finished ones
        self._position = 0  # steps into the present one
        self._num_updates = 0
        self._epoch_updates = 0
        self._epoch_seconds = 0.0
        self._final: Outcome | None = None
        self._window: Window | None = None
        self._pace = Pace(seconds_before=0.0, most_steps=config.steps_per_call)
        self._last_save = time.perf_counter()

    @property
    def fraction(self) -> float:
        """How far the present epoch is, from 0 to below 1."""
        return self._position / self._steps_per_epoch

    @property
    def total_epochs(self) -> int | None:
        """Epochs of the whole run, a last one in part included; None where time decides."""
        return None if self._most_steps is None else -(-self._most_steps // self._steps_per_epoch)

    @property
    def time_left(self) -> float | None:
        """Seconds that training can still take at most; None while unknown."""
        if self._most_steps is None:
            return max(0.0, self._seconds_left)
        return self._pace.time_left(self._most_steps - self._num_steps, self.config.max_seconds)

    def begin(self) -> None:
        """Goes on from the checkpoint, or validates the model as it came."""
        if not self._restore():
            self._validate(0)
            # A folder without room or rights is better found now than after an hour.
            self._save()

    def outcome(self, *, interrupted: bool) -> Outcome | None:
        """How training has ended by now; None if it goes on."""
        if self._final is not None:
            return self._final
        between_epochs = self._position == 0
        patience = self.config.patience
        if between_epochs and patience is not None and self._epoch - self._best_epoch >= patience:
            return Outcome.CONVERGED
        if self._most_steps is not None and self._num_steps >= self._most_steps:
            return Outcome.EXHAUSTED
        if interrupted:
            return Outcome.INTERRUPTED
        if self._seconds_left <= 0:
            return Outcome.TIME_OUT
        return None

    def advance(self) -> None:
        """One call of the device; the epoch is closed where the call ends it."""
        if self._window is None or self._position >= self._window.stop:
            epoch_key = jax.random.fold_in(self._shuffle_key, self._epoch)
            self._window = self._program.source.window(epoch_key, self._position)
        steps_left = self._steps_left()
        if self.config.anneal_by_time:
            self._schedule_over(self._num_steps + steps_left)
        stop = min(self._window.stop, self._position + min(self._pace.next_steps, steps_left))
        started = time.perf_counter()
        self._state = run_steps(
            (
                self._program,
                self._window.arrays,
                jnp.asarray(self._position, jnp.int32),
                jnp.asarray(stop, jnp.int32),
            ),
            self._state,
        )
        # The one place where the host waits for the device.
        worst_streak, num_updates = jax.device_get(
            (self._state.worst_streak, self._state.num_updates)
        )
        seconds = time.perf_counter() - started
        if worst_streak >= self.config.max_bad_steps:
            raise self._divergence(f"in {worst_streak} consecutive steps")
        self._pace.record(stop - self._position, seconds)
        self._epoch_seconds += seconds
        self._epoch_updates += int(num_updates) - self._num_updates
        self._num_updates = int(num_updates)
        self._position = stop
        if self._position == self._steps_per_epoch:
            self._validate(self._epoch + 1)
            self._epoch += 1
            self._position = 0
            self._epoch_updates = 0
            self._epoch_seconds = 0.0
            self._window = None
        if time.perf_counter() - self._last_save >= self._checkpoint_seconds:
            self._save()

    def finish(self, outcome: Outcome) -> TrainingResult:
        """The result; a run that was cut can still go on from its checkpoint."""
        if outcome in (Outcome.CONVERGED, Outcome.EXHAUSTED):
            self._final = outcome
        self._save()
        if self._position:
            # The trained part of an epoch may have given the best model.
            self._validate(self._epoch + 1)
        if outcome is not Outcome.INTERRUPTED:
            self._require_learned()
        return TrainingResult(
            model=gather(eqx.combine(self._best, self._program.frozen), self._program.mesh),
            outcome=outcome,
            history=tuple(self.history),
            best_epoch=self._best_epoch,
            best_validation_loss=self._best_loss,
            num_skipped_steps=self._num_steps - self._num_updates,
            seconds=self._pace.seconds,
            num_steps=self._num_steps,
            num_left_out=int(self._state.num_left_out),
        )

    @property
    def _num_steps(self) -> int:
        return self._epoch * self._steps_per_epoch + self._position

    @property
    def _seconds_left(self) -> float:
        limit = self.config.max_seconds
        return math.inf if limit is None else limit - self._pace.seconds

    def _steps_left(self) -> int:
        """Steps before the end; where time decides, what the present pace allows."""
        if self._most_steps is not None:
            return self._most_steps - self._num_steps
        allowed = self._pace.steps_within(self._seconds_left)
        return _STEPS_BEFORE_PACE_IS_KNOWN if allowed is None else max(1, allowed)

    def _schedule_over(self, num_steps: int) -> None:
        """Stretches the schedule; its numbers are traced, so nothing is compiled anew."""
        schedule = replicate(cosine_with_warmup(self.config, num_steps), self._program.mesh)
        self._program = eqx.tree_at(lambda program: program.schedule, self._program, schedule)

    def _validate(self, epoch: int) -> None:
        """Writes the record of an epoch, and keeps its parameters if they are to be returned."""
        held_out, metrics, parameters = held_out_loss(self._validation, self._state)
        told = {name: value.item() for name, value in jax.device_get(metrics).items()}
        validation_loss, loss_sum, num_losses, learning_rate = (
            value.item()
            for value in jax.device_get(
                (
                    held_out,
                    self._state.loss_sum,
                    self._state.num_losses,
                    self._state.learning_rate,
                )
            )
        )
        self.history.append(
            EpochRecord(
                epoch=epoch,
                training_loss=loss_sum / num_losses if num_losses else None,
                validation_loss=validation_loss,
                learning_rate=learning_rate,
                seconds=self._pace.seconds,
                steps_per_second=self._position / self._epoch_seconds if epoch else 0.0,
                num_skipped=self._position - self._epoch_updates,
                metrics=told,
            )
        )
        if self.config.keep_last or validation_loss < self._best_loss:
            self._best, self._best_loss, self._best_epoch = parameters, validation_loss, epoch

    def _require_learned(self) -> None:
        if self._num_steps and not self._num_updates:
            raise self._divergence(f"in any of the {self._num_steps} steps")
        if not math.isfinite(self._best_loss):
            raise DivergenceError(
                f"The held-out loss was never finite in {len(self.history)} evaluations; "
                f"the last was {self.history[-1].validation_loss}.",
                "Look for held-out rows that the model gives no probability at all: "
                "outside its bounds, or far from the training rows.",
            )

    def _divergence(self, when: str) -> DivergenceError:
        return DivergenceError(
            f"The loss or its gradient was not finite {when}, the last of them in epoch "
            f"{self._epoch + 1}.",
            f"Lower `learning_rate` (it is {self.config.learning_rate:g}), scale columns that "
            "span decades, and look for extreme values in the data.",
        )

    def _save(self) -> None:
        if self._checkpoint is None or self._fingerprint is None:
            return
        save_checkpoint(
            self._checkpoint,
            {"state": self._state, "best": self._best},
            {
                "epoch": self._epoch,
                "position": self._position,
                "num_updates": self._num_updates,
                "epoch_updates": self._epoch_updates,
                "epoch_seconds": self._epoch_seconds,
                "best_epoch": self._best_epoch,
                "best_loss": self._best_loss,
                "seconds": self._pace.seconds,
                "outcome": None if self._final is None else self._final.value,
                "history": [dataclasses.asdict(record) for record in self.history],
            },
            self._fingerprint,
        )
        self._last_save = time.perf_counter()

    def _restore(self) -> bool:
        if self._checkpoint is None or self._fingerprint is None:
            return False
        found = load_checkpoint(
            self._checkpoint, {"state": self._state, "best": self._best}, self._fingerprint
        )
        if found is None:
            return False
        arrays, notes = found
        # The compiled loop gives its state away; copies leave the arrays of the file alone.
        arrays = snapshot(place_model(arrays, self._program.mesh))
        self._state, self._best = arrays["state"], arrays["best"]
        self._epoch, self._position = notes["epoch"], notes["position"]
        self._num_updates, self._epoch_updates = notes["num_updates"], notes["epoch_updates"]
        self._epoch_seconds = notes["epoch_seconds"]
        self._best_epoch, self._best_loss = notes["best_epoch"], notes["best_loss"]
        self._final = None if notes["outcome"] is None else Outcome(notes["outcome"])
        self.history = [EpochRecord(**record) for record in notes["history"]]
        self._pace = Pace(seconds_before=notes["seconds"], most_steps=self.config.steps_per_call)
        return True
