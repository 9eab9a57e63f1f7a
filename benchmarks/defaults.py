"""The default flow and its training beside variants that differ in one thing.

    python benchmarks/defaults.py                      # every variant, some 20 minutes
    python benchmarks/defaults.py --only default,silu

Each variant changes one thing. Judged on held-out simulations only: inverse kinematics by mean
and median unbiased MMD^2 to the exact posterior of 200 observations from the prior predictive
and by the re-simulation distance, two moons and linear-Gaussian by the mean of -log q(x | y)
over 10,000 fresh simulations, which no task's reference observation enters. The simulations
differ from those of `benchmarks/posteriors.py`.
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path

import jax

from retrodict.bijections import AbstractTransformer, RationalQuadraticTransformer
from retrodict.diagnostics import mmd_per_observation, resimulation_error
from retrodict.flows import RealNVP, SplineCoupling
from retrodict.problems import get_problem
from retrodict.solvers import ConditionalFlow
from retrodict.solvers.defaults import default_flow_settings

TASKS = {"inverse-kinematics": 100_000, "two-moons": 10_000, "linear-gaussian": 10_000}


@dataclasses.dataclass(frozen=True)
class SplineAlone(SplineCoupling):
    """Spline couplings without the affine map before each spline."""

    def elementwise(self) -> AbstractTransformer:
        return RationalQuadraticTransformer(num_bins=self.num_bins, bound=self.bound)


def variants(num_rows):
    default = SplineCoupling(**default_flow_settings(num_rows))
    same = dataclasses.asdict(default)
    return {
        "default": ConditionalFlow(default),
        "silu": ConditionalFlow(dataclasses.replace(default, activation="silu")),
        "spline alone": ConditionalFlow(SplineAlone(**same)),
        "affine alone": ConditionalFlow(RealNVP(**default_flow_settings(num_rows))),
        "residual conditioner": ConditionalFlow(
            dataclasses.replace(default, conditioner="residual")
        ),
        "half the width": ConditionalFlow(dataclasses.replace(default, width=default.width // 2)),
        "12 layers": ConditionalFlow(dataclasses.replace(default, num_layers=12)),
        "4 layers": ConditionalFlow(dataclasses.replace(default, num_layers=4)),
        "learning rate 1e-3": ConditionalFlow(default, learning_rate=1e-3),
        "learning rate 1e-2": ConditionalFlow(default, learning_rate=1e-2),
        "weight decay 1e-2": ConditionalFlow(default, weight_decay=1e-2),
    }


def judge(task, estimator):
    problem = get_problem(task)
    started = time.perf_counter()
    estimator.fit_problem(problem, num_simulations=TASKS[task])
    result = {"fit_seconds": round(time.perf_counter() - started, 1)}
    x, y = problem.simulations(jax.random.key(31_000), 10_000)
    seen = estimator._training_observations
    smallest, largest = seen.lower, seen.upper
    inside = ((y >= smallest) & (y <= largest)).all(axis=1)
    x, y = x[inside], y[inside]
    result["negative_log_likelihood"] = float(-estimator.retrodict(y).log_prob(x).mean())
    if task == "inverse-kinematics":
        y = y[:200]
        draws = estimator.retrodict(y).sample(1000)
        mismatch = mmd_per_observation(
            draws, problem.exact_posterior_rows(jax.random.key(32_000), y, 1000)
        )
        again = problem.simulate_rows(jax.random.key(33_000), draws.reshape(-1, draws.shape[-1]))
        result["mmd2_mean"], result["mmd2_median"] = mismatch.mean, mismatch.median
        result["resimulation"] = resimulation_error(again.reshape(200, 1000, -1), y).mean
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--only", help="names of variants, separated by commas")
    parser.add_argument("--append", help="add the results to this file, one JSON object per line")
    arguments = parser.parse_args()
    for task in arguments.tasks.split(","):
        for name, estimator in variants(TASKS[task]).items():
            if arguments.only and name not in arguments.only.split(","):
                continue
            result = {"task": task, "variant": name, **judge(task, estimator)}
            result["date"] = time.strftime("%Y-%m-%d")
            print(json.dumps(result), flush=True)
            if arguments.append:
                with Path(arguments.append).open("a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
