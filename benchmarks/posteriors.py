"""How good the posteriors of a solver with its defaults are, and what they cost.

    python benchmarks/posteriors.py inverse-kinematics two-moons:10000 linear-gaussian:100000
    python benchmarks/posteriors.py --solver flow-matching inverse-kinematics

Two moons and linear-Gaussian are judged by C2ST exactly as sbibm defines it, 10,000 draws
against 10,000: two moons on sbibm's ten reference observations (found in RETRODICT_DATA, or
fetched), linear-Gaussian against draws from the exact posterior of the same ten observations.
Inverse kinematics by unbiased MMD^2 to the exact posterior and by the re-simulation distance,
over 200 observations from the prior predictive.
Times include compilation.
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path

import jax
import numpy as np

from retrodict.datasets import sbibm_reference
from retrodict.diagnostics import (
    c2st,
    calibration_error,
    mmd_per_observation,
    resimulation_error,
)
from retrodict.problems import get_problem
from retrodict.solvers import SOLVERS, get_solver

DEFAULT_BUDGET = {"inverse-kinematics": 100_000}


def reference(task):
    """Observations and reference draws of sbibm."""
    for i in range(1, 11):
        published = sbibm_reference(task, i)
        yield published.observation, published.draws


def exact(task, problem, y, draws, seed):
    """Exact draws where the problem can make them at once, the reference draws else."""
    if task == "two-moons":
        return draws
    return np.asarray(problem.exact_posterior(jax.random.key(seed), np.float32(y), len(draws)))


def against_reference(task, num_simulations, seed, solver):
    problem = get_problem(task)
    started = time.perf_counter()
    estimator = get_solver(solver, random_state=seed)
    estimator.fit_problem(problem, num_simulations=num_simulations)
    fit_seconds = time.perf_counter() - started
    accuracies = []
    for i, (y, draws) in enumerate(reference(task)):
        truth = exact(task, problem, y, draws, i)
        ours = estimator.retrodict(y).sample(len(truth))
        accuracies.append(c2st(truth, ours).accuracy)
    return {
        "task": task,
        "solver": solver,
        "num_simulations": num_simulations,
        "seed": seed,
        "c2st_mean": float(np.mean(accuracies)),
        "c2st_sd": float(np.std(accuracies, ddof=1)),
        "c2st": [round(a, 4) for a in accuracies],
        "fit_seconds": round(fit_seconds, 1),
    }


def inverse_kinematics(num_simulations, seed, solver):
    problem = get_problem("inverse-kinematics")
    started = time.perf_counter()
    estimator = get_solver(solver, random_state=seed)
    estimator.fit_problem(problem, num_simulations=num_simulations)
    fit_seconds = time.perf_counter() - started
    x, y = problem.simulations(jax.random.key(10_000 + seed), 1000)
    started = time.perf_counter()
    posterior = estimator.retrodict(y)
    draws = posterior.sample(1000)
    sample_seconds = time.perf_counter() - started
    truth = problem.exact_posterior_rows(jax.random.key(20_000 + seed), y[:200], 1000)
    mismatch = mmd_per_observation(draws[:200], truth)
    simulated = problem.simulate_rows(jax.random.key(3), draws[:200].reshape(-1, 4))
    resimulation = resimulation_error(simulated.reshape(200, 1000, 2), y[:200])
    return {
        "task": "inverse-kinematics",
        "solver": solver,
        "num_simulations": num_simulations,
        "seed": seed,
        "mmd2_mean": mismatch.mean,
        "mmd2_median": mismatch.median,
        "resimulation_mean": resimulation.mean,
        "resimulation_median": resimulation.median,
        "calibration_error": calibration_error(draws, x).error,
        "fit_seconds": round(fit_seconds, 1),
        "seconds_per_1000_draws": sample_seconds / len(y),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="+", help="TASK or TASK:NUM_SIMULATIONS")
    parser.add_argument("--solver", default="conditional-flow", choices=SOLVERS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--append", help="add the results to this file, one JSON object per line")
    arguments = parser.parse_args()
    for task in arguments.tasks:
        name, _, budget = task.partition(":")
        num_simulations = int(float(budget)) if budget else DEFAULT_BUDGET.get(name, 10_000)
        for seed in range(arguments.seeds):
            if name == "inverse-kinematics":
                result = inverse_kinematics(num_simulations, seed, arguments.solver)
            else:
                result = against_reference(name, num_simulations, seed, arguments.solver)
            result["machine"] = f"{platform.machine()}, {os.cpu_count()} cores"
            result["date"] = time.strftime("%Y-%m-%d")
            print(json.dumps(result), flush=True)
            if arguments.append:
                with Path(arguments.append).open("a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
