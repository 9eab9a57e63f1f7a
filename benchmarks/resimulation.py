"""Which draws make up a solver's re-simulation error on inverse kinematics.

    python benchmarks/resimulation.py inn:maximum-likelihood conditional-vae

A mean distance hides whether all draws miss a little or a few miss by far. Trained on 100,000
simulations, judged by 300 draws for each of 200 observations that no other benchmark uses.
"""

import argparse
import json

import jax
import numpy as np

from machine import described
from retrodict.comparison import get_method
from retrodict.problems import get_problem

FAR = 0.1
LONGEST_REACH = 1.9
NUM_OBSERVATIONS, NUM_DRAWS = 200, 300


def errors_of(method, problem, y):
    """Distance between what a draw simulates and its observation, (observations, draws)."""
    solver = get_method(method, random_state=0)
    solver.fit_problem(problem, num_simulations=100_000)
    draws = np.asarray(solver.retrodict(y).sample(NUM_DRAWS))
    again = problem.simulate_rows(jax.random.key(2), draws.reshape(-1, draws.shape[-1]))
    return np.linalg.norm(np.asarray(again).reshape(*draws.shape[:2], -1) - y[:, None], axis=-1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="+", help="as `retrodict compare --solver`")
    options = parser.parse_args()
    problem = get_problem("inverse-kinematics")
    _, y = problem.simulations(jax.random.key(77), NUM_OBSERVATIONS)
    is_stretched = y[:, 0] > LONGEST_REACH
    for method in options.methods:
        errors = errors_of(method, problem, y)
        is_far = errors > FAR
        result = {
            "method": method,
            "mean": float(errors.mean()),
            "median": float(np.median(errors)),
            "share_beyond_.1": float(is_far.mean()),
            "mean_of_the_others": float(errors[~is_far].mean()),
            "mean_where_y1_above_1.9": float(errors[is_stretched].mean()),
            "mean_elsewhere": float(errors[~is_stretched].mean()),
            **described("benchmarks/resimulation.py"),
        }
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
