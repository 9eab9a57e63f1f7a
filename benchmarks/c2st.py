"""The classifier two-sample test, exact and fast: time and accuracy side by side.

    python benchmarks/c2st.py --output benchmarks/results/c2st.json

`c2st` is scikit-learn's multilayer perceptron, one fold after the other, as published numbers
are made; `fast_c2st` is the same test in one compiled program, timed with its compilation and
again without. Both see the same pairs of samples.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from machine import described
from retrodict.diagnostics import c2st, fast_c2st


def equal(rng, num_draws, dim):
    return rng.normal(size=(2, num_draws, dim))


def shifted(rng, num_draws, dim):
    first, second = rng.normal(size=(2, num_draws, dim))
    return first, second + 0.3 / np.sqrt(dim)


def correlated(rng, num_draws, dim):
    first, second = rng.normal(size=(2, num_draws, dim))
    shared = rng.normal(size=(num_draws, 1))
    return first, np.sqrt(0.7) * second + np.sqrt(0.3) * shared


def two_modes(rng, num_draws, dim):
    first, second = rng.normal(size=(2, num_draws, dim))
    second[:, 0] = 0.6 * second[:, 0] + 0.8 * rng.choice([-1.0, 1.0], size=num_draws)
    return first, second


CASES = {
    "equal": equal,
    "shifted by .3 sd": shifted,
    "correlated by .3": correlated,
    "two modes against one": two_modes,
}


def timed(test, first, second, **settings):
    started = time.perf_counter()
    accuracy = test(first, second, **settings).accuracy
    return accuracy, time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=10_000, help="in each sample")
    parser.add_argument("--dim", type=int, default=5)
    parser.add_argument("--cases", default=",".join(CASES), help="some of the four, by comma")
    parser.add_argument("--note", default="", help="what else was running")
    parser.add_argument("--output", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    warm_up = equal(np.random.default_rng(0), arguments.draws, arguments.dim)
    _, first_call = timed(fast_c2st, *warm_up, seed=0)
    rows = []
    print("| samples | c2st | fast_c2st | seconds | seconds | ratio |")
    print("|---|---|---|---|---|---|", flush=True)
    for i, case in enumerate(arguments.cases.split(",")):
        samples = CASES[case](np.random.default_rng([1, i]), arguments.draws, arguments.dim)
        fast, fast_seconds = timed(fast_c2st, *samples)
        exact, exact_seconds = timed(c2st, *samples)
        ratio = exact_seconds / fast_seconds
        print(
            f"| {case} | {exact:.4f} | {fast:.4f} | {exact_seconds:.1f} | {fast_seconds:.1f} "
            f"| {ratio:.1f} |",
            flush=True,
        )
        rows.append(
            {
                "case": case,
                "c2st": exact,
                "fast_c2st": fast,
                "c2st_seconds": round(exact_seconds, 2),
                "fast_c2st_seconds": round(fast_seconds, 2),
                "ratio": round(ratio, 2),
            }
        )
    report = {
        **described(" ".join(["python", "benchmarks/c2st.py", *sys.argv[1:]])),
        "note": arguments.note,
        "draws": arguments.draws,
        "dim": arguments.dim,
        "fast_c2st_first_call_seconds": round(first_call, 2),
        "rows": rows,
    }
    print(json.dumps({k: v for k, v in report.items() if k != "rows"}))
    if arguments.output:
        arguments.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
