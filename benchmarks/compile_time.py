"""Does compiling a flow take longer when it is deeper?

    python benchmarks/compile_time.py

For each architecture made of equal layers: seconds to trace and compile one training gradient
(batch of 256, 6 parameters, 4 observables) with 4 and with 32 layers, and their ratio. Nothing
is taken from a cache; every time is the median of several compilations.
"""

import argparse
import dataclasses
import json
import statistics
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp

from machine import described
from retrodict.flows import ARCHITECTURES, get_architecture
from retrodict.objectives import negative_log_likelihood

DIM, COND_DIM, BATCH = 6, 4, 256
SHALLOW, DEEP = 4, 32


def compile_seconds(name, num_layers):
    flow = get_architecture(name, num_layers=num_layers).build(DIM, COND_DIM, key=jax.random.key(0))
    batch = jnp.zeros((BATCH, DIM)), jnp.zeros((BATCH, COND_DIM))
    # A new function each time, so that JAX finds nothing that it has traced before.
    gradient = eqx.filter_jit(
        lambda flow, batch, key: eqx.filter_value_and_grad(negative_log_likelihood)(
            flow, batch, key
        )
    )
    jax.clear_caches()
    started = time.perf_counter()
    gradient.lower(flow, batch, jax.random.key(1)).compile()
    return time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="architectures; all by default")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", help="write the table to this JSON file")
    arguments = parser.parse_args()
    jax.config.update("jax_enable_compilation_cache", False)
    rows = []
    for name in arguments.names or ARCHITECTURES:
        if "num_layers" not in {field.name for field in dataclasses.fields(ARCHITECTURES[name])}:
            continue
        times = {
            depth: statistics.median(compile_seconds(name, depth) for _ in range(arguments.repeats))
            for depth in (SHALLOW, DEEP)
        }
        row = {
            "architecture": name,
            "seconds_4_layers": round(times[SHALLOW], 2),
            "seconds_32_layers": round(times[DEEP], 2),
            "ratio": round(times[DEEP] / times[SHALLOW], 2),
        }
        rows.append(row)
        print(json.dumps(row), flush=True)
    if arguments.output:
        command = f"python benchmarks/compile_time.py --repeats {arguments.repeats}"
        with Path(arguments.output).open("w", encoding="utf-8") as file:
            json.dump({**described(command), "rows": rows}, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
