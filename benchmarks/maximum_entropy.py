"""Maximum-entropy flows where the answer is known: entropy, density and natural parameters.

    python benchmarks/maximum_entropy.py --json benchmarks/results/maximum_entropy.json

Mean and covariance give the normal; E[log x_k] on the simplex the Dirichlet; the mean of
positive numbers independent exponentials. KL is that of the flow from the exact density,
estimated on fresh draws of the flow.
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from scipy import special, stats

from retrodict.density import MaximumEntropy

NUM_DRAWS = 100_000


def normal(mean, covariance):
    """E[x] and E[x x'] of a normal."""
    dim = len(mean)
    rows, columns = np.triu_indices(dim)
    second = (covariance + np.outer(mean, mean))[rows, columns]
    precision = np.linalg.inv(covariance)
    quadratic = np.where(rows == columns, -0.5, -1.0) * precision[rows, columns]
    exact = stats.multivariate_normal(mean, covariance)
    return {
        "moments": lambda x: jnp.concatenate([x, x[rows] * x[columns]]),
        "values": np.concatenate([mean, second]),
        "dim": dim,
        "support": "real",
        "entropy": exact.entropy(),
        "logpdf": exact.logpdf,
        "eta": np.concatenate([precision @ mean, quadratic]),
    }


def dirichlet(alpha):
    """E[log x] of a Dirichlet."""
    exact = stats.dirichlet(alpha)
    return {
        "moments": jnp.log,
        "values": special.digamma(alpha) - special.digamma(alpha.sum()),
        "dim": len(alpha),
        "support": "simplex",
        "entropy": exact.entropy(),
        "logpdf": lambda x: exact.logpdf((x / x.sum(axis=1, keepdims=True)).T),
        "eta": alpha - 1,
    }


def exponential(mean):
    """E[x] of positive numbers."""
    return {
        "moments": lambda x: x,
        "values": mean,
        "dim": len(mean),
        "support": "positive",
        "entropy": float((1 + np.log(mean)).sum()),
        "logpdf": lambda x: stats.expon(scale=mean).logpdf(x).sum(axis=1),
        "eta": -1 / mean,
    }


TASKS = {
    "normal-2d": normal(np.array([1.0, -2.0]), np.array([[2.0, 0.6], [0.6, 0.5]])),
    "normal-3d": normal(
        np.array([0.5, 0.0, -1.0]),
        np.array([[1.0, 0.5, 0.2], [0.5, 2.0, -0.4], [0.2, -0.4, 0.5]]),
    ),
    "dirichlet-3": dirichlet(np.array([2.0, 3.0, 1.5])),
    "dirichlet-4": dirichlet(np.array([0.7, 2.0, 1.2, 4.0])),
    "exponential-2d": exponential(np.array([0.5, 20.0])),
}


def run(name, flow, seed):
    task = TASKS[name]
    started = time.perf_counter()
    estimator = MaximumEntropy(
        task["moments"],
        task["values"],
        task["dim"],
        support=task["support"],
        flow=flow,
        random_state=seed,
    ).fit()
    seconds = time.perf_counter() - started
    x = estimator.sample(NUM_DRAWS, random_state=seed + 1)
    difference = estimator.log_prob(x) - task["logpdf"](x)
    eta_scores = (estimator.natural_parameters_ - task["eta"]) / estimator.natural_parameters_error_
    return {
        "task": name,
        "flow": flow,
        "seed": seed,
        "entropy": estimator.entropy_,
        "entropy_error": estimator.entropy_error_,
        "exact_entropy": float(task["entropy"]),
        "entropy_gap": estimator.entropy_gap_,
        "kl": float(difference.mean()),
        "kl_error": float(difference.std() / np.sqrt(NUM_DRAWS)),
        "largest_miss_in_sds": float(estimator.moments_["miss_in_sds"].max()),
        "natural_parameters": estimator.natural_parameters_.round(4).tolist(),
        "natural_parameters_error": estimator.natural_parameters_error_.round(4).tolist(),
        "exact_natural_parameters": task["eta"].round(4).tolist(),
        "largest_natural_parameter_z": float(np.abs(eta_scores).max()),
        "rounds": len(estimator.history_),
        "seconds": round(seconds, 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", default=list(TASKS), help=", ".join(TASKS))
    parser.add_argument("--flow", default="spline-coupling")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", help="write the numbers to this file")
    arguments = parser.parse_args()
    results = []
    for name in arguments.tasks:
        result = run(name, arguments.flow, arguments.seed)
        print(
            "{task:15s} entropy {entropy:8.4f} +- {entropy_error:.4f} (exact {exact_entropy:8.4f})"
            "   KL {kl:7.4f} +- {kl_error:.4f}   |z| of eta {largest_natural_parameter_z:.1f}"
            "   {rounds} rounds, {seconds} s".format(**result),
            flush=True,
        )
        results.append(result)
        if arguments.json:
            notes = {
                "command": "python benchmarks/maximum_entropy.py",
                "machine": f"{platform.machine()}, {os.cpu_count()} cores",
                "date": time.strftime("%Y-%m-%d"),
                "results": results,
            }
            Path(arguments.json).write_text(json.dumps(notes, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
