"""How often a verdict is wrong: false alarms for exact posteriors, faults that are missed.

    python benchmarks/verdict.py --output benchmarks/results/verdict.json

Two parameters, 1,000 observations, 300 draws of each posterior, given as plain NumPy arrays.
Four kinds of posteriors are known exactly; the faults are sd wrong by 15 % (both ways), mean off by
.3 sd, one of two modes lost, and the correlation ignored, each parameter by itself left as it is.
"alarms" is the share of repeats not trusted; "repairable" those that are trusted with repair.
The last rows check what the verdict says that it could have seen: faults of just that size.
With `--speed` alone, time and memory of the diagnostics for 1,000 observations of 1,000 draws of
ten parameters.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

from machine import described
from retrodict.diagnostics import (
    calibration_error,
    conditional_calibration,
    joint_calibration,
    posterior_modes,
    posterior_z_scores,
    recovery,
    sensitivity,
    simulation_based_calibration,
    tarp,
)
from retrodict.judgement import Trust, verdict
from retrodict.judgement.detectable import detectable
from retrodict.judgement.verdict import LEVEL

NUM_OBSERVATIONS, NUM_DRAWS = 1_000, 300


def gaussian(rng, shape):
    first, second = rng.normal(size=(2, *shape))
    return np.stack([first, 0.6 * first + 0.8 * second], axis=-1)


def banana(rng, shape):
    first, second = rng.normal(size=(2, *shape))
    return np.stack([first, second + first**2 - 1], axis=-1)


def bimodal(rng, shape):
    sides = np.where(rng.random(shape) < 0.5, -2.0, 2.0)
    return sides[..., None] + 0.5 * rng.normal(size=(*shape, 2))


def heavy_tailed(rng, shape):
    """Student's t with four degrees of freedom, correlated."""
    return gaussian(rng, shape) * np.sqrt(4 / rng.chisquare(4, size=shape))[..., None]


def independent(noise, rng):
    return np.stack([noise[..., 0], rng.permuted(noise[..., 1], axis=1)], axis=-1)


KINDS = {
    "gaussian": gaussian,
    "banana": banana,
    "bimodal": bimodal,
    "heavy-tailed": heavy_tailed,
}
FAULTS = {
    "exact": lambda noise, _: noise,
    "sd 15 % too small": lambda noise, _: 0.85 * noise,
    "sd 15 % too large": lambda noise, _: 1.15 * noise,
    "mean off by .3 sd": lambda noise, _: noise + 0.3 * noise.std(axis=(0, 1)),
    "correlation ignored": independent,
    "one of two modes lost": lambda noise, _: np.where(
        noise.sum(axis=-1, keepdims=True) < 0, -noise, noise
    ),
}


def rows(kind, fault):
    """Whether the fault changes that kind of posterior."""
    if fault == "one of two modes lost":
        return kind == "bimodal"
    # The parameters of the banana are uncorrelated, and yet each tells about the other.
    return True


def judged(kind, change, seed):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(NUM_OBSERVATIONS, 2))
    truth = y + KINDS[kind](rng, (NUM_OBSERVATIONS, 1))[:, 0]
    draws = y[:, None] + change(KINDS[kind](rng, (NUM_OBSERVATIONS, NUM_DRAWS)), rng)
    observations = y + 0.3 * rng.normal(size=y.shape)
    return verdict(draws, truth, observations).trust


def rates(kind, change, repeats):
    found = [judged(kind, change, seed) for seed in range(repeats)]
    return {
        "repeats": repeats,
        "alarms": sum(trust is not Trust.YES for trust in found) / repeats,
        "repairable": sum(trust is Trust.WITH_REPAIR for trust in found) / repeats,
    }


def shown(name, found):
    print(
        f"| {name} | {found['repeats']} | {found['alarms']:.1%} | {found['repairable']:.1%} |",
        flush=True,
    )


def power(repeats, fault_repeats):
    print("| posterior, fault | repeats | alarms | repairable |\n|---|---:|---:|---:|")
    results = {}
    for kind in KINDS:
        for fault, change in FAULTS.items():
            if rows(kind, fault):
                name = f"{kind}, {fault}"
                results[name] = rates(kind, change, repeats if fault == "exact" else fault_repeats)
                shown(name, results[name])
    size = detectable(NUM_OBSERVATIONS, 2, LEVEL)
    for name, change in {
        f"gaussian, sd {size.spread:.1%} too small": lambda e, _: (1 - size.spread) * e,
        f"gaussian, sd {size.spread:.1%} too large": lambda e, _: (1 + size.spread) * e,
        f"gaussian, mean off by {size.shift:.3f} sd": lambda e, _: e + np.array([size.shift, 0.0]),
    }.items():
        results[name] = rates("gaussian", change, fault_repeats)
        shown(name, results[name])
    return results


def speed():
    """Seconds of each, one after another, and the most memory of the process."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=(1_000, 10))
    truth = y + rng.normal(size=y.shape)
    draws = y[:, None] + rng.normal(size=(1_000, 1_000, 10))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = {}
    for name, run in {
        "simulation_based_calibration": lambda: simulation_based_calibration(draws, truth),
        "calibration_error": lambda: calibration_error(draws, truth),
        "joint_calibration": lambda: joint_calibration(draws, truth),
        "conditional_calibration": lambda: conditional_calibration(draws, truth, y),
        "tarp": lambda: tarp(draws, truth),
        "posterior_z_scores": lambda: posterior_z_scores(draws, truth),
        "recovery": lambda: recovery(draws, truth),
        "posterior_modes": lambda: posterior_modes(draws),
        "sensitivity": lambda: sensitivity(draws, y),
        "verdict": lambda: verdict(draws, truth, y),
    }.items():
        started = time.perf_counter()
        run()
        seconds[name] = round(time.perf_counter() - started, 2)
        print(f"{name}: {seconds[name]} s", flush=True)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": seconds,
        "gib_of_process": round(most / 2**20, 2),
        "gib_above_draws": round((most - before) / 2**20, 2),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=200, help="of exact posteriors")
    parser.add_argument("--fault-repeats", type=int, default=50)
    parser.add_argument("--speed", action="store_true", help="time and memory only")
    parser.add_argument("--output", type=Path, help="write the results to this file")
    arguments = parser.parse_args()
    if arguments.speed:
        results = {"speed": speed()}
    else:
        results = {
            "level": LEVEL,
            "observations": NUM_OBSERVATIONS,
            "draws": NUM_DRAWS,
            "rates": power(arguments.repeats, arguments.fault_repeats),
        }
    print(json.dumps(results, indent=1) if arguments.speed else "")
    if arguments.output:
        command = " ".join(["python", "benchmarks/verdict.py", *sys.argv[1:]])
        kept = (
            json.loads(arguments.output.read_text(encoding="utf-8"))
            if arguments.output.exists()
            else {}
        )
        part = "speed" if arguments.speed else "power"
        kept[part] = described(command) | results
        arguments.output.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
