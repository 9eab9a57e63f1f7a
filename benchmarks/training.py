"""What our training loop costs beside a bare one, and how it scales with the number of rows.

    python benchmarks/training.py               # throughput, ours and the bare loop's in turn
    python benchmarks/training.py --scaling     # time and memory from 1e4 to 1e6 rows

Both train 8 rational-quadratic couplings (width 128, 2 hidden layers, 10 bins) on 4 dimensions
given 2 conditions, batch 512. The bare loop is the same mathematics written out by hand: a
jitted scan over shuffled minibatches with Adam, without guard, validation, history,
checkpoint, clipping or progress.
"""

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

from retrodict.flows import SplineCoupling
from retrodict.objectives import negative_log_likelihood
from retrodict.problems import get_problem
from retrodict.training import TrainingConfig, train
from retrodict.training.mesh import shared_mesh

BATCH_SIZE = 512
FLOW = SplineCoupling(num_layers=8, width=128, depth=2, num_bins=10)


def rows(num):
    x, y = get_problem("inverse-kinematics").simulations(jax.random.key(0), num)
    return (x - x.mean(0)) / x.std(0), (y - y.mean(0)) / y.std(0)


def bare_loop(flow, data, key, num_epochs):
    """A hand-written epoch: shuffle, scan, Adam."""
    optimiser = optax.adam(1e-3)
    parameters, static = eqx.partition(flow, eqx.is_inexact_array)
    num_rows = len(data[0])
    num_steps = num_rows // BATCH_SIZE

    @jax.jit
    def epoch(parameters, state, key):
        order = jax.random.permutation(key, num_rows)[: num_steps * BATCH_SIZE]

        def step(carry, indices):
            parameters, state = carry
            x, y = data[0][indices], data[1][indices]

            def loss(parameters):
                return -jax.vmap(eqx.combine(parameters, static).log_prob)(x, y).mean()

            value, gradient = jax.value_and_grad(loss)(parameters)
            updates, state = optimiser.update(gradient, state)
            return (optax.apply_updates(parameters, updates), state), value

        carry, losses = jax.lax.scan(
            step, (parameters, state), order.reshape(num_steps, BATCH_SIZE)
        )
        return *carry, losses.mean()

    state = optimiser.init(parameters)
    parameters, state, loss = epoch(parameters, state, key)
    started = time.perf_counter()
    for i in range(num_epochs):
        parameters, state, loss = epoch(parameters, state, jax.random.fold_in(key, i))
    jax.block_until_ready(loss)
    return num_epochs * num_steps / (time.perf_counter() - started)


def our_loop(flow, data, key, num_epochs, mesh):
    config = TrainingConfig(batch_size=BATCH_SIZE, max_epochs=num_epochs, patience=None)
    held_out = jax.tree.map(lambda column: column[:BATCH_SIZE], data)
    # The first epoch is the compiler's.
    train(flow, negative_log_likelihood, data, held_out, key=key, config=config, mesh=mesh)
    started = time.perf_counter()
    train(flow, negative_log_likelihood, data, held_out, key=key, config=config, mesh=mesh)
    seconds = time.perf_counter() - started
    return num_epochs * (len(data[0]) // BATCH_SIZE) / seconds


def throughput(num_repeats):
    data = jax.tree.map(jnp.asarray, rows(20_000))
    flow = FLOW.build(4, 2, key=jax.random.key(1))
    key = jax.random.key(2)
    mesh = shared_mesh(BATCH_SIZE)
    measured = {"bare": [], "ours, one device": [], "ours, all cores": []}
    for _ in range(num_repeats):
        measured["bare"].append(bare_loop(flow, data, key, 8))
        measured["ours, one device"].append(our_loop(flow, data, key, 8, None))
        measured["ours, all cores"].append(our_loop(flow, data, key, 8, mesh))
    bare = statistics.median(measured["bare"])
    ratios = {
        name: statistics.median(o / b for o, b in zip(values, measured["bare"], strict=True))
        for name, values in measured.items()
    }
    for name, values in measured.items():
        print(f"{name:18s} {statistics.median(values):7.1f} steps/s   ratio {ratios[name]:.2f}")
    return {"steps_per_second": measured, "ratios": ratios, "bare_median": bare}


def scaling():
    """A fresh process for each size, because peak memory never falls."""
    results = []
    for num_rows in (10_000, 100_000, 1_000_000):
        command = [sys.executable, __file__, "--one-size", str(num_rows)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        results.append(json.loads(output.splitlines()[-1]))
        print(
            "{num_rows:>9,} rows: {seconds_per_epoch:8.2f} s per epoch, "
            "{microseconds_per_row:6.1f} us per row, peak memory {peak_gib:.2f} GiB".format(
                **results[-1]
            )
        )
    return results


def one_size(num_rows):
    data = jax.tree.map(jnp.asarray, rows(num_rows))
    flow = FLOW.build(4, 2, key=jax.random.key(1))
    steps_per_second = our_loop(flow, data, jax.random.key(2), 1, shared_mesh(BATCH_SIZE))
    seconds = num_rows // BATCH_SIZE / steps_per_second
    print(
        json.dumps(
            {
                "num_rows": num_rows,
                "seconds_per_epoch": seconds,
                "microseconds_per_row": 1e6 * seconds / num_rows,
                "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
            }
        )
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scaling", action="store_true")
    parser.add_argument("--one-size", type=int)
    parser.add_argument("--json", help="write the numbers to this file")
    arguments = parser.parse_args()
    if arguments.one_size:
        one_size(arguments.one_size)
        return
    numbers = {"scaling": scaling()} if arguments.scaling else throughput(arguments.repeats)
    numbers |= {
        "machine": f"{platform.machine()}, {len(jax.devices())} devices",
        "date": time.strftime("%Y-%m-%d"),
    }
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(numbers, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
