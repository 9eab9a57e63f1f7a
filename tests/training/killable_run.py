"""A training run in a process of its own: `killable_run.py CHECKPOINT OUTPUT`.

Prints a line after every call of the device, so that its parent can choose when to kill it.
"""

import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from retrodict.training import SilentProgress, TrainingConfig, train


class Loud(SilentProgress):
    def update(self, record, time_left_seconds, fraction):
        # One write for a line: a kill between two would leave half of it to read.
        sys.stdout.write(f"{record.epoch} {fraction}\n")
        sys.stdout.flush()


def loss(model, batch, key):
    x, y = batch
    noisy = x + 0.01 * jax.random.normal(key, x.shape, x.dtype)
    return jnp.mean((jax.vmap(model)(noisy) - y) ** 2)


def main(checkpoint, output):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(600, 4)).astype(np.float32)
    y = np.sin(x[:, :2] * x[:, 2:])
    # One row that spoils a step of every epoch: skipped steps have to be resumed as well.
    y[11] = np.nan
    result = train(
        eqx.nn.MLP(4, 2, 16, 1, key=jax.random.key(1)),
        loss,
        (x[:500], y[:500]),
        (x[500:], y[500:]),
        key=jax.random.key(2),
        config=TrainingConfig(
            batch_size=16, learning_rate=0.02, max_epochs=8, ema_decay=0.95, steps_per_call=5
        ),
        progress=Loud(),
        checkpoint=checkpoint,
        checkpoint_seconds=0.0,
    )
    leaves = jax.tree.leaves(eqx.filter(result.model, eqx.is_array))
    np.savez(
        output,
        *leaves,
        history=result.to_frame().drop(columns=["seconds", "steps_per_second"]).to_numpy(),
        best=np.array([result.best_epoch, result.best_validation_loss, result.num_skipped_steps]),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
