"""Which two-sample test sees what: rates of rejection over repeats.

    python benchmarks/two_sample_tests.py --output benchmarks/results/two_sample_tests.json

Two independent samples of 200 draws in two columns are compared, many times; a test rejects where
its p-value, adjusted for the two columns, is at most 5 %. In the first row both samples come from
one distribution, so that a test should reject in 5 % of the repeats; below, the more the better.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import get_args

import numpy as np

from machine import described
from retrodict.diagnostics import two_sample_test
from retrodict.diagnostics.two_samples import Method

NUM_DRAWS = 200
LEVEL = 0.05


def normal(rng):
    return rng.normal(size=(NUM_DRAWS, 2))


def with_first_column(rng, column):
    return np.stack([column, rng.normal(size=NUM_DRAWS)], axis=1)


def correlated(rng):
    x = normal(rng)
    return np.stack([x[:, 0], 0.6 * x[:, 0] + 0.8 * x[:, 1]], axis=1)


def two_modes(rng, share):
    sides = np.where(rng.random(NUM_DRAWS) < share, -1.0, 1.0)
    return with_first_column(rng, 2 * sides + 0.5 * rng.normal(size=NUM_DRAWS))


def mirrored_pair(rng):
    """Both columns bimodal; only the product of their signs tells the samples apart."""
    signs = rng.choice([-1.0, 1.0], size=(NUM_DRAWS, 2))
    signs[:, 1] = np.where(rng.random(NUM_DRAWS) < 0.75, signs[:, 0], -signs[:, 0])
    return signs + 0.5 * normal(rng)


def independent_pair(rng):
    return rng.choice([-1.0, 1.0], size=(NUM_DRAWS, 2)) + 0.5 * normal(rng)


def exponential(rng):
    """Mean 0 and variance 1 like the normal, but skewed."""
    return with_first_column(rng, rng.exponential(size=NUM_DRAWS) - 1)


def laplace(rng):
    """Mean 0 and variance 1 like the normal, and symmetric."""
    return with_first_column(rng, rng.laplace(size=NUM_DRAWS) / np.sqrt(2))


def outliers(rng):
    far = rng.random(NUM_DRAWS) < 0.03
    return with_first_column(rng, rng.normal(size=NUM_DRAWS) + 8.0 * far)


CASES = {
    "nothing": (normal, normal),
    "mean, by .3 sd": (normal, lambda rng: normal(rng) + np.array([0.3, 0.0])),
    "sd, by a factor of 1.4": (normal, lambda rng: normal(rng) * np.array([1.4, 1.0])),
    "shape: skewed, same mean and sd": (normal, exponential),
    "shape: heavy tails, same mean and sd": (normal, laplace),
    "correlation of .6": (normal, correlated),
    "signs that go together, 3 to 1": (independent_pair, mirrored_pair),
    "one of two modes lost": (lambda rng: two_modes(rng, 0.5), lambda rng: two_modes(rng, 0.0)),
    "one of two modes too rare, .35": (
        lambda rng: two_modes(rng, 0.5),
        lambda rng: two_modes(rng, 0.35),
    ),
    "3 % outliers at 8 sd": (normal, outliers),
}


def rates(case, repeats, permutations):
    first, second = CASES[case]
    rng = np.random.default_rng([len(case), *case.encode()])
    rejected = dict.fromkeys(get_args(Method), 0)
    for repeat in range(repeats):
        x, y = first(rng), second(rng)
        for method in rejected:
            result = two_sample_test(
                x, y, method=method, num_permutations=permutations, random_state=repeat
            )
            rejected[method] += result.p_value <= LEVEL
    return {method: number / repeats for method, number in rejected.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--permutations", type=int, default=199)
    parser.add_argument("--output", type=Path, help="write the rates to this file")
    arguments = parser.parse_args()
    started = time.perf_counter()
    results = {}
    print("| what differs | " + " | ".join(get_args(Method)) + " |")
    print("|---" * (1 + len(get_args(Method))) + "|")
    for case in CASES:
        results[case] = rates(case, arguments.repeats, arguments.permutations)
        shown = " | ".join(f"{100 * rate:.0f} %" for rate in results[case].values())
        print(f"| {case} | {shown} |", flush=True)
    if arguments.output:
        report = {
            **described(" ".join(["python", "benchmarks/two_sample_tests.py", *sys.argv[1:]])),
            "draws": NUM_DRAWS,
            "repeats": arguments.repeats,
            "permutations": arguments.permutations,
            "level": LEVEL,
            "seconds": round(time.perf_counter() - started, 1),
            "rates": results,
        }
        arguments.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
