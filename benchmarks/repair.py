"""What conformal repair makes of posteriors that are wrong in known ways.

    python benchmarks/repair.py --output benchmarks/results/repair.json

Calibrated on 1,000 observations, judged on 20,000 fresh ones, over several calibration sets. The
coverage that one calibration set of n gives is beta-distributed about the level, with a deviation
of sqrt(level (1 - level) / (n + 2)): 1.6 points at 50 %, 1.3 at 80 %, .7 at 95 %. Widths are
relative to those of the exact posterior at 95 %.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from machine import described
from retrodict.repair import ConformalCalibration, ConformalRegion

LEVELS = (0.5, 0.8, 0.95)
NUM_CALIBRATION, NUM_FRESH, NUM_DRAWS = 1_000, 20_000, 200


def normal(rng, shape):
    return rng.normal(size=shape)


# How the truth lies about the centre of its posterior, and how the draws do.
CASES = {
    "exact": (normal, normal),
    "sd too small by half": (normal, lambda rng, shape: 0.5 * rng.normal(size=shape)),
    "sd twice too large": (normal, lambda rng, shape: 2 * rng.normal(size=shape)),
    "shifted by .8 sd": (normal, lambda rng, shape: rng.normal(size=shape) + 0.8),
    "shifted and too narrow": (normal, lambda rng, shape: 0.5 * rng.normal(size=shape) + 0.8),
    "truth skewed (gamma 2)": (lambda rng, shape: rng.gamma(2, size=shape) - 2, normal),
    "truth heavy-tailed (t 2)": (lambda rng, shape: rng.standard_t(2, size=shape), normal),
    "draws heavy-tailed (t 2)": (normal, lambda rng, shape: rng.standard_t(2, size=shape)),
}


def posterior(case, rng, num):
    """Centre and width differ from one observation to the next."""
    of_truth, of_draws = CASES[case]
    centre, width = 3 * rng.normal(size=(num, 1)), np.exp(0.5 * rng.normal(size=(num, 1)))
    truth = centre + width * of_truth(rng, centre.shape)
    draws = centre[:, None] + width[:, None] * of_draws(rng, (num, NUM_DRAWS, 1))
    return draws, truth


def inside(ends, truth):
    return float(((ends[0] <= truth) & (truth <= ends[1])).mean())


def central(draws, truth, rng):
    """Coverage of the draws' own central intervals, by ranks."""
    rank = (draws < truth[:, None]).sum(axis=1) + rng.random(truth.shape)
    place = np.abs(2 * rank / (draws.shape[1] + 1) - 1)
    return [float((place <= level).mean()) for level in LEVELS]


def measured(case, tails, seed):
    rng = np.random.default_rng([seed, list(CASES).index(case)])
    calibration = ConformalCalibration(tails=tails).fit(*posterior(case, rng, NUM_CALIBRATION))
    region = ConformalRegion().fit(*posterior(case, rng, NUM_CALIBRATION))
    draws, truth = posterior(case, rng, NUM_FRESH)
    ends = {level: calibration.intervals(draws, level) for level in LEVELS}
    exact, _ = posterior("exact", np.random.default_rng(seed), 1000)
    lower, upper = np.quantile(exact, [0.025, 0.975], axis=1)
    return {
        "needed": float(calibration.needed_.mean()),
        "before": central(draws, truth, rng),
        "intervals": [inside(ends[level], truth) for level in LEVELS],
        "repaired_draws": central(calibration.apply(draws), truth, rng),
        "regions": [float(region.contains(draws, truth, level).mean()) for level in LEVELS],
        "width_95": float(np.mean(ends[0.95][1] - ends[0.95][0]) / np.mean(upper - lower)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20, help="calibration sets of each case")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    options = parser.parse_args()
    started = time.perf_counter()
    cases = {}
    for case in CASES:
        for tails in ("separate", "together"):
            runs = [measured(case, tails, seed) for seed in range(1, options.repeats + 1)]
            row = {name: np.mean([run[name] for run in runs], axis=0) for name in runs[0]}
            deviations = np.std([run["intervals"] for run in runs], axis=0, ddof=1)
            row = {name: np.round(value, 4).tolist() for name, value in row.items()}
            row["intervals_sd"] = np.round(deviations, 4).tolist()
            cases.setdefault(case, {})[tails] = row
            print(json.dumps({"case": case, "tails": tails, **row}), flush=True)
    if options.output:
        command = f"python benchmarks/repair.py --repeats {options.repeats}"
        result = {
            **described(f"{command} --output {options.output}"),
            "levels": LEVELS,
            "calibration_observations": NUM_CALIBRATION,
            "fresh_observations": NUM_FRESH,
            "draws": NUM_DRAWS,
            "repeats": options.repeats,
            "seconds": round(time.perf_counter() - started, 1),
            "cases": cases,
        }
        options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
