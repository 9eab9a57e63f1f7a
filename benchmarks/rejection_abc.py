"""Defaults of `RejectionABC`: how many to accept, and whether to adjust.

Judged on held-out simulations by the energy score (Gneiting & Raftery 2007, JASA 102, 359;
smaller is better, each parameter in its prior standard deviations), and by MMD^2 to the exact
posterior. Prints one row per problem, table and setting.

    python benchmarks/rejection_abc.py
"""

import warnings

import jax
import numpy as np

from retrodict.diagnostics import mmd_per_observation
from retrodict.errors import MisspecificationWarning
from retrodict.problems import get_problem
from retrodict.solvers import RejectionABC

NUM_HELD_OUT, NUM_COMPARED, NUM_DRAWS = 400, 50, 1000


def energy_score(draws: np.ndarray, truth: np.ndarray, scale: np.ndarray) -> float:
    """E |X - x| - E |X - X'| / 2, mean over the held-out pairs."""
    draws, truth = draws / scale, truth / scale
    half = draws.shape[1] // 2
    to_truth = np.linalg.norm(draws - truth[:, None], axis=-1).mean()
    between = np.linalg.norm(draws[:, :half] - draws[:, half : 2 * half], axis=-1).mean()
    return float(to_truth - between / 2)


def main() -> None:
    warnings.simplefilter("ignore", MisspecificationWarning)
    print("| problem | simulations | adjustment | accepted | energy score | MMD^2 | radius |")
    print("|---|---:|---|---:|---:|---:|---:|")
    for name in ("inverse-kinematics", "two-moons", "linear-gaussian"):
        problem = get_problem(name)
        truth, y = problem.simulations(jax.random.key(77), NUM_HELD_OUT)
        exact = problem.exact_posterior_rows(jax.random.key(5), y[:NUM_COMPARED], NUM_DRAWS)
        for num in (10_000, 100_000):
            for adjustment in ("none", "linear"):
                for num_accepted in (30, 100, 300, 1000):
                    solver = RejectionABC(
                        num_accepted=num_accepted, adjustment=adjustment, random_state=1
                    ).fit_problem(problem, num_simulations=num)
                    draws = solver.retrodict(y).sample(NUM_DRAWS)
                    score = energy_score(draws, truth, truth.std(axis=0))
                    mismatch = mmd_per_observation(draws[:NUM_COMPARED], exact).mean
                    print(
                        f"| {name} | {num:,} | {adjustment} | {num_accepted} | {score:.4f} | "
                        f"{mismatch:.4f} | {np.median(solver.radius(y)):.2f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
