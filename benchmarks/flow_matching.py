"""Flow matching with other settings, each judged on held-out simulations.

    python benchmarks/flow_matching.py --only "default;time power 1" --tolerances 1e-3,1e-4
    python benchmarks/flow_matching.py two-moons:10000 linear-gaussian:10000 concrete:0

Inverse kinematics by unbiased MMD^2 to the exact posterior and by the re-simulation distance,
200 observations from the prior predictive with 1,000 draws each, at several tolerances of the
solver of the differential equation; two moons and linear-Gaussian by the mean of
-log q(x | y) over 2,000 fresh simulations, concrete:SPLIT (folder uci of RETRODICT_DATA, by
default ../shared/data) over the test rows of that split. Simulations and observations differ from
those of `benchmarks/posteriors.py`. Times include compilation.
"""

import argparse
import dataclasses
import json
import os
import shlex
import sys
import time
from pathlib import Path

import equinox as eqx
import jax
import numpy as np

from machine import described
from retrodict.bijections import Tolerance
from retrodict.diagnostics import mmd_per_observation, resimulation_error
from retrodict.flows import FFJORD
from retrodict.problems import get_problem
from retrodict.solvers import FlowMatching
from retrodict.solvers.defaults import default_flow_matching, default_velocity_settings

DATA = Path(os.environ.get("RETRODICT_DATA", Path(__file__).parents[2] / "shared" / "data"))
DEFAULT_BUDGET = {"inverse-kinematics": 100_000, "concrete": 0}
SEED = 7


def variants(num_rows):
    """Settings of FlowMatching by name; each differs from the default in what it is called."""
    flow = FFJORD(**default_velocity_settings(num_rows))
    training = default_flow_matching(num_rows)
    slower = training.learning_rate / 5
    wider = dataclasses.replace(flow, width=2 * flow.width)
    return {
        "default": {},
        "a fifth of the learning rate": {"learning_rate": slower},
        "time power 1": {"time_power": 1.0},
        "time power 1, a fifth of the learning rate": {"time_power": 1.0, "learning_rate": slower},
        "twice as wide": {"flow": wider},
        "deeper": {"flow": dataclasses.replace(flow, depth=2 * flow.depth)},
        "mlp": {"flow": dataclasses.replace(flow, network="mlp", depth=2 * flow.depth)},
        "half the steps": {"max_epochs": max(1, training.max_epochs // 2)},
        "three times the steps": {"max_epochs": 3 * training.max_epochs},
        "no weight decay": {"weight_decay": 0.0},
    }


def concrete(split):
    """Features and strength of the training rows, then of the test rows."""
    folder = DATA / "uci" / "concrete"
    rows = np.loadtxt(folder / "data.txt")
    features, target = (
        np.loadtxt(folder / f"index_{what}.txt", dtype=int, ndmin=1)
        for what in ("features", "target")
    )
    for part in ("train", "test"):
        chosen = rows[np.loadtxt(folder / f"index_{part}_{split}.txt", dtype=int)]
        yield chosen[:, features], chosen[:, target]


def density_of(estimator, x, y):
    seen = estimator._training_observations
    smallest, largest = seen.lower, seen.upper
    inside = ((y >= smallest) & (y <= largest)).all(axis=1)
    return float(-estimator.retrodict(y[inside]).log_prob(x[inside]).mean())


def draws_of(estimator, problem, tolerances):
    """How near the draws are to the exact posterior, at each tolerance."""
    y = problem.simulations(jax.random.key(31_000), 10_000)[1][:200]
    truth = problem.exact_posterior_rows(jax.random.key(32_000), y, 1000)
    trained = estimator._model
    for given in tolerances:
        tolerance = Tolerance(given, given, throw=False)
        estimator._model = eqx.tree_at(lambda m: m.bijection.tolerance, trained, tolerance)
        started = time.perf_counter()
        draws = estimator.retrodict(y).sample(1000)
        seconds = time.perf_counter() - started
        mismatch = mmd_per_observation(draws, truth)
        simulated = problem.simulate_rows(jax.random.key(33_000), draws.reshape(-1, 4))
        yield {
            "tolerance": given,
            "mmd2_mean": mismatch.mean,
            "mmd2_median": mismatch.median,
            "mmd2_largest": float(mismatch.squared.max()),
            "resimulation": resimulation_error(simulated.reshape(200, 1000, -1), y).mean,
            "seconds_for_200000_draws": round(seconds, 1),
        }
    estimator._model = trained


def judge(task, budget, settings, tolerances):
    estimator = FlowMatching(**settings, random_state=SEED)
    started = time.perf_counter()
    if task == "concrete":
        (features, strength), (test_features, test_strength) = concrete(budget)
        estimator.fit(strength, features)
    else:
        problem = get_problem(task)
        estimator.fit_problem(problem, num_simulations=budget)
    result = {
        "fit_seconds": round(time.perf_counter() - started, 1),
        "num_epochs": len(estimator.history_) - 1,
        "best_epoch": int(estimator.history_["validation_loss"].argmin()),
        "held_out_loss": float(estimator.history_["validation_loss"].min()),
        "num_parameters": estimator.num_parameters_,
    }
    if task == "concrete":
        result["negative_log_likelihood"] = density_of(estimator, test_strength, test_features)
    elif task == "inverse-kinematics":
        result["draws"] = list(draws_of(estimator, problem, tolerances))
    else:
        x, y = problem.simulations(jax.random.key(31_000), 2_000)
        result["negative_log_likelihood"] = density_of(estimator, x, y)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", default=["inverse-kinematics"])
    parser.add_argument("--only", help="names of variants, separated by semicolons")
    parser.add_argument("--tolerances", default="1e-3", help="separated by commas")
    parser.add_argument("--append", help="add the results to this file, one JSON object per line")
    arguments = parser.parse_args()
    tolerances = [float(given) for given in arguments.tolerances.split(",")]
    command = shlex.join(["python", *sys.argv])
    for task in arguments.tasks:
        name, _, budget = task.partition(":")
        budget = int(float(budget)) if budget else DEFAULT_BUDGET.get(name, 10_000)
        num_rows = 927 if name == "concrete" else budget
        for variant, settings in variants(round(0.9 * num_rows)).items():
            if arguments.only and variant not in arguments.only.split(";"):
                continue
            shown = {
                key: dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value
                for key, value in settings.items()
            }
            result = {"task": name, "num_rows": num_rows, "variant": variant, "settings": shown}
            if name == "concrete":
                result["split"] = budget
            result |= judge(name, budget, settings, tolerances)
            result |= described(command)
            print(json.dumps(result), flush=True)
            if arguments.append:
                with Path(arguments.append).open("a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
