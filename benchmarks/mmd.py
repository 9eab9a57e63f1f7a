"""MMD of two large samples: time and peak memory.

    python benchmarks/mmd.py --draws 100000 --output benchmarks/results/mmd.json

Each sample is 3 normal columns; the default kernel has three bandwidths. The peak is that of the
whole process, Python and JAX included.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

from machine import described
from retrodict.diagnostics import mmd


def peak_gib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=100_000, help="in each sample")
    parser.add_argument("--dim", type=int, default=3)
    parser.add_argument("--output", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, arguments.draws, arguments.dim))
    second += 0.1
    before = peak_gib()
    started = time.perf_counter()
    result = mmd(first, second)
    report = {
        **described(" ".join(["python", "benchmarks/mmd.py", *sys.argv[1:]])),
        "draws": arguments.draws,
        "dim": arguments.dim,
        "kernel": result.kernel.label,
        "squared": result.squared,
        "seconds": round(time.perf_counter() - started, 1),
        "peak_gib": round(peak_gib(), 3),
        "peak_gib_before": round(before, 3),
    }
    print(json.dumps(report))
    if arguments.output:
        arguments.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
