"""Simulation-based calibration of the default flow on the tasks of sbibm.

    python benchmarks/calibration.py --output benchmarks/results/calibration.jsonl
    python benchmarks/calibration.py --tasks slcp --budget 1e4 --models models

One fit with the defaults for each task; then 1,000 further simulations, whose true causes should
rank uniformly among 999 draws from their posteriors (Talts et al. 2018, arXiv:1804.06788), in every
parameter, with all of them together at 1 %. Beside it the calibration error of Ardizzone et al.
(2019). With `--models`, fits are kept in that folder as bundles, and those that are there are
loaded; budget and seed have to be those they were fitted with.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path

import jax

import retrodict
from machine import described
from retrodict.datasets import SBIBM_TASKS
from retrodict.diagnostics import calibration_error, simulation_based_calibration
from retrodict.errors import MisspecificationWarning
from retrodict.problems import get_problem
from retrodict.solvers import ConditionalFlow
from retrodict.variables import names_of

NUM_OBSERVATIONS = 1_000
NUM_DRAWS = 999
_FIRST_TEST_SEED = 51_000


def fitted(task, arguments):
    folder = arguments.models and arguments.models / task
    if folder and folder.exists():
        return retrodict.load(folder)
    solver = ConditionalFlow(random_state=arguments.seed)
    solver.fit_problem(get_problem(task), num_simulations=arguments.budget)
    if folder:
        retrodict.save(solver, folder)
    return solver


def judge(task, arguments):
    problem = get_problem(task)
    x, y = problem.simulations(jax.random.key(_FIRST_TEST_SEED + arguments.seed), NUM_OBSERVATIONS)
    with warnings.catch_warnings():
        # Of a thousand, a few are odd by chance.
        warnings.simplefilter("ignore", MisspecificationWarning)
        draws = fitted(task, arguments).retrodict(y).sample(NUM_DRAWS)
    names = names_of(problem.parameters)
    found = simulation_based_calibration(draws, x, names=names)
    return {
        "passed": bool(found.passed),
        "p_values": {
            name: round(float(p), 4) for name, p in zip(names, found.p_values, strict=True)
        },
        "shifts": [round(float(value), 2) for value in found.shifts],
        "spreads": [round(float(value), 2) for value in found.spreads],
        "calibration_error": round(float(calibration_error(draws, x).error), 4),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", default=",".join(SBIBM_TASKS))
    parser.add_argument("--budget", type=lambda text: int(float(text)), default=100_000)
    parser.add_argument("--seed", type=int, default=1, help="of simulations and fit")
    parser.add_argument("--models", type=Path, help="folder of bundles")
    parser.add_argument("--output", type=Path, help="a line of JSON is added for each task")
    arguments = parser.parse_args()
    for task in arguments.tasks.split(","):
        what = {"task": task, "budget": arguments.budget, "seed": arguments.seed}
        line = what | judge(task, arguments) | described(" ".join(["python", *sys.argv]))
        print(json.dumps(line), flush=True)
        if arguments.output:
            with arguments.output.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
