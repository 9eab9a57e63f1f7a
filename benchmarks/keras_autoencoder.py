"""The peer of `autoencoder.py`, run in an environment of its own: the same model in Keras 3.

Prints one line of JSON.
"""

import argparse
import json
import time

import keras
import numpy as np
from keras import layers, ops

DIM, BATCH = 400, 2_000
SHAPE = (200, 100, 40, 20, 4)


class Sampling(layers.Layer):
    """z = mean + exp(log-variance / 2) noise, and the divergence as a loss."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.seeds = keras.random.SeedGenerator(0)

    def call(self, inputs):
        mean, log_variance = inputs
        self.add_loss(
            ops.mean(ops.sum((ops.square(mean) + ops.exp(log_variance) - 1 - log_variance) / 2, 1))
        )
        noise = keras.random.normal(ops.shape(mean), seed=self.seeds)
        return mean + ops.exp(log_variance / 2) * noise


class Clock(keras.callbacks.Callback):
    """Seconds of each epoch."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        del epoch, logs
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        del epoch, logs
        self.seconds.append(time.perf_counter() - self.started)


def built(use_bias):
    x = keras.Input((DIM,))
    hidden = x
    for width in SHAPE:
        hidden = layers.Dense(width, "relu", use_bias=use_bias)(hidden)
    mean = layers.Dense(2, use_bias=use_bias)(hidden)
    log_variance = layers.Dense(2, use_bias=use_bias)(hidden)
    hidden = Sampling()([mean, log_variance])
    for width in SHAPE[::-1]:
        hidden = layers.Dense(width, "relu", use_bias=use_bias)(hidden)
    return keras.Model(x, layers.Dense(DIM, use_bias=use_bias)(hidden))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--use-bias", action="store_true")
    arguments = parser.parse_args()
    keras.utils.set_random_seed(0)
    rows = np.random.default_rng(0).random((arguments.rows, DIM), dtype=np.float32)
    model = built(arguments.use_bias)
    model.compile(keras.optimizers.Adam(1e-3), loss="mse")
    clock = Clock()
    history = model.fit(
        rows, rows, epochs=arguments.epochs, batch_size=BATCH, verbose=0, callbacks=[clock]
    ).history
    print(
        json.dumps(
            {
                "loss": history["loss"][-1],
                "milliseconds_per_step": 1e3
                * float(np.median(clock.seconds[1:]))
                / (arguments.rows / BATCH),
                "fit_seconds": round(sum(clock.seconds), 1),
                "keras": keras.__version__,
                "backend": keras.backend.backend(),
            }
        )
    )


if __name__ == "__main__":
    main()
