"""The variational autoencoder of 400 independent uniform numbers: error, and time per step.

    python benchmarks/autoencoder.py --keras KERAS_ENV/bin/python \
        --output benchmarks/results/autoencoder.json

Nothing can be compressed here, so that the best reconstruction is known. Without biases the
decoder is homogeneous: with z ~ N(0, I) in the plane, its best answer is a constant times |z|,
with the error 1/12 + (1 - E[r]^2 / E[r^2]) / 4 = 1/3 - pi/16 = .13698; with biases it is the mean,
1/12 = .08333. The weight of the divergence is that of a decoder with the standard deviation
sqrt(200): the sum of both terms is mean((x - x')^2) + KL.

`--keras` names the Python of another environment, with Keras 3 and a backend, in which
`keras_autoencoder.py` trains the same model on as many rows with the same batch. Times per step
are medians over the epochs after the first, which compiles. "products" is the time of the matrix
products of a step by themselves, forward and back: no engine of the same precision is faster.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from machine import described
from retrodict import VariationalAutoencoder

COMMAND = (
    "python benchmarks/autoencoder.py --keras KERAS_ENV/bin/python "
    "--output benchmarks/results/autoencoder.json"
)
NUM_ROWS, DIM, BATCH, EPOCHS = 150_000, 400, 2_000, 10
SHAPE = (200, 100, 40, 20, 4)


def ours(rows, *, use_bias):
    model = VariationalAutoencoder(
        2,
        encoder=SHAPE,
        use_bias=use_bias,
        decoder_sd=200**0.5,
        scaling="none",
        max_epochs=EPOCHS,
        batch_size=BATCH,
        learning_rate=3e-3,
        patience=None,
        validation_fraction=5_000 / NUM_ROWS,
    )
    started = time.perf_counter()
    model.fit(rows)
    seconds = time.perf_counter() - started
    rates = model.history_["steps_per_second"].to_numpy()[2:]
    return {
        "reconstruction_mse": reconstruction_mse(model, rows),
        "kl": float(model.history_["kl_loss"].iloc[-1]),
        "active_units": int(model.active_units_.sum()),
        "milliseconds_per_step": float(1e3 / np.median(rates)),
        "fit_seconds": round(seconds, 1),
    }


def reconstruction_mse(model, rows):
    """Of draws of z from the posterior of each row, four for each."""
    rng = np.random.default_rng(1)
    posterior = jax.jit(jax.vmap(lambda row: model._model.encode(row, None)))(np.float32(rows))
    means, sds = np.asarray(posterior.loc), np.exp(np.asarray(posterior.log_scale))
    draws = (means + sds * rng.normal(size=means.shape) for _ in range(4))
    return float(np.mean([((model.inverse_transform(z) - rows) ** 2).mean() for z in draws]))


def products():
    """Milliseconds of the matrix products of one step, nothing else, and their 10^9 operations."""
    sizes = [(a, b) for a, b in zip((DIM, *SHAPE), (*SHAPE, 4), strict=True)]
    sizes += [(a, b) for a, b in zip((2, *SHAPE[::-1]), (*SHAPE[::-1], DIM), strict=True)]
    rng = np.random.default_rng(2)
    layers = [
        tuple(
            jnp.asarray(rng.normal(size=shape), jnp.float32)
            for shape in ((BATCH, a), (a, b), (BATCH, b))
        )
        for a, b in sizes
    ]

    @jax.jit
    def step(layers):
        # The input needs no gradient.
        return [(x @ w, x.T @ g, None if i == 0 else g @ w.T) for i, (x, w, g) in enumerate(layers)]

    jax.block_until_ready(step(layers))
    times = []
    for _ in range(100):
        started = time.perf_counter()
        jax.block_until_ready(step(layers))
        times.append(time.perf_counter() - started)
    operations = sum(2 * BATCH * a * b * (2 if i == 0 else 3) for i, (a, b) in enumerate(sizes))
    return {
        "milliseconds_per_step": float(1e3 * np.median(times)),
        "operations_per_step": operations,
    }


def theirs(python, backend, *, use_bias):
    script = Path(__file__).with_name("keras_autoencoder.py")
    words = [python, str(script), "--rows", str(NUM_ROWS), "--epochs", str(EPOCHS)]
    if use_bias:
        words.append("--use-bias")
    environment = {**os.environ, "KERAS_BACKEND": backend}
    answer = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if answer.returncode:
        sys.exit(answer.stderr)
    return json.loads(answer.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keras", help="Python of an environment with Keras 3")
    parser.add_argument("--backend", default="tensorflow", help="of Keras")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    rows = np.random.default_rng(0).random((NUM_ROWS, DIM))
    found = {"products": products()}
    print("products", json.dumps(found["products"]), flush=True)
    for use_bias in (False, True):
        name = "with biases" if use_bias else "without biases"
        found[name] = {"retrodict": ours(rows, use_bias=use_bias)}
        print(name, json.dumps(found[name]["retrodict"]), flush=True)
        if arguments.keras:
            peer = theirs(arguments.keras, arguments.backend, use_bias=use_bias)
            own = found[name]["retrodict"]["milliseconds_per_step"]
            peer["times_as_long"] = round(peer["milliseconds_per_step"] / own, 2)
            found[name]["keras"] = peer
            print(name, json.dumps(peer), flush=True)
    if arguments.output:
        arguments.output.write_text(json.dumps({**found, **described(COMMAND)}, indent=2) + "\n")


if __name__ == "__main__":
    main()
