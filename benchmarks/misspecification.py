"""What `TypicalObservations` notices, and how often it cries wolf.

    python benchmarks/misspecification.py --output benchmarks/results/misspecification.json

Four simulators, each seen through independent Gaussian noise. In every repeat the test learns from
new simulations and judges new observations, with and without a fault. A rate is the share of
observations that it calls odd at 5 %: false alarms in the first row, power in the others. The
settings of the test were chosen on other simulators (logistic growth, a chirp, Ricker wavelets, a
linear map of another size, six nonlinear functions of three causes) and other seeds. What other
causes explain as well, such as a constant added to a spectrum whose ground may lie anywhere, no
test of observations alone can see.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import jax
import numpy as np

from machine import described
from retrodict.diagnostics import TypicalObservations
from retrodict.problems import LinearGaussian

NUM_TRAINING, NUM_TESTED = 20_000, 2_000
TIMES = np.linspace(0, 1, 40)
CHANNELS = np.linspace(0, 1, 50)


def damped_oscillation(rng, num):
    """Amplitude, frequency, decay and phase of an oscillation at 40 times."""
    amplitude, frequency = rng.uniform(0.5, 1.5, (num, 1)), rng.uniform(2, 5, (num, 1))
    decay, phase = rng.uniform(1, 4, (num, 1)), rng.uniform(-1, 1, (num, 1))
    return amplitude * np.exp(-decay * TIMES) * np.cos(2 * np.pi * frequency * TIMES + phase)


def exponential_decays(rng, num):
    """Two species with their own amounts and half-lives, counted together at 40 times."""
    amounts = rng.lognormal(0, 0.3, (num, 2, 1))
    rates = np.exp(rng.uniform(np.log([[1.0], [8.0]]), np.log([[4.0], [30.0]]), (num, 2, 1)))
    return (amounts * np.exp(-rates * TIMES)).sum(axis=1)


def spectrum(rng, num):
    """Two peaks with their own heights, places and widths on a sloping ground, 50 channels."""
    heights, widths = rng.uniform(0.5, 2, (num, 2, 1)), rng.uniform(0.03, 0.08, (num, 2, 1))
    places = rng.uniform([[0.15], [0.55]], [[0.45], [0.85]], (num, 2, 1))
    peaks = (heights * np.exp(-(((CHANNELS - places) / widths) ** 2) / 2)).sum(axis=1)
    return peaks + rng.uniform(0.1, 0.5, (num, 1)) * (1 - 0.5 * CHANNELS)


def linear_gaussian(rng, num):
    """Four causes seen in thirty linear combinations."""
    matrix = np.random.default_rng(7).normal(size=(30, 4))
    problem = LinearGaussian(matrix, 0.0)
    _, y = problem.simulations(jax.random.key(int(rng.integers(2**31))), num)
    return np.asarray(y, dtype=float)


PROBLEMS = {
    "damped oscillation": (damped_oscillation, 0.05),
    "exponential decays": (exponential_decays, 0.05),
    "spectrum of peaks": (spectrum, 0.05),
    "linear Gaussian": (linear_gaussian, 0.3),
}


def one_each(rng, y):
    """A random observable of each observation."""
    return np.arange(len(y)), rng.integers(0, y.shape[1], len(y))


def saturated(rng, clean, sd, training):
    y = clean + sd * rng.normal(size=clean.shape)
    rows, columns = one_each(rng, y)
    y[rows, columns] = training.max(axis=0)[columns]
    return y


def dead(rng, clean, sd, training):
    y = clean + sd * rng.normal(size=clean.shape)
    rows, columns = one_each(rng, y)
    y[rows, columns] = np.median(training, axis=0)[columns]
    return y


def spike(rng, clean, sd, *_):
    y = clean + sd * rng.normal(size=clean.shape)
    y[one_each(rng, y)] += 8 * sd
    return y


def noisy(factor):
    return lambda rng, clean, sd, *_: clean + factor * sd * rng.normal(size=clean.shape)


def biased(size, those):
    """Those observables read too high."""

    def observed(rng, clean, sd, *_):
        shifted = np.zeros(clean.shape[1])
        shifted[those] = size
        return clean + sd * (shifted + rng.normal(size=clean.shape))

    return observed


EVERY_SECOND, LATTER_HALF, ALL = slice(None, None, 2), slice(20, None), slice(None)

FAULTS = {
    "none (false alarms)": noisy(1),
    "noise twice as large": noisy(2),
    "noise half as large": noisy(0.5),
    "bias: every second observable 3 noise sd too high": biased(3, EVERY_SECOND),
    "broken sensor: one observable at the top of its range": saturated,
    "one observable 8 noise sd too high": spike,
    "harder: noise 1.5 times as large": noisy(1.5),
    "harder: from the 21st observable on 3 noise sd too high": biased(3, LATTER_HALF),
    "harder: all observables 3 noise sd too high": biased(3, ALL),
    "harder: one observable at its median": dead,
}


def repeat(name, seed):
    """Share of odd observations for each fault, and the seconds of fit and test."""
    simulate, sd = PROBLEMS[name]
    rng = np.random.default_rng([seed, *name.encode()])
    training = simulate(rng, NUM_TRAINING)
    training = training + sd * rng.normal(size=training.shape)
    started = time.perf_counter()
    typical = TypicalObservations(random_state=seed).fit(training)
    fitted = time.perf_counter()
    rates = {}
    for fault, observed in FAULTS.items():
        y = observed(rng, simulate(rng, NUM_TESTED), sd, training)
        rates[fault] = float(typical.test(y).is_odd.mean())
    return rates, fitted - started


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", type=Path, help="write the rates to this file")
    arguments = parser.parse_args()
    results, seconds = {}, {}
    for name in PROBLEMS:
        found = [repeat(name, seed) for seed in range(100, 100 + arguments.repeats)]
        results[name] = {fault: float(np.mean([r[fault] for r, _ in found])) for fault in FAULTS}
        seconds[name] = round(float(np.median([s for _, s in found])), 1)
        print(f"{name}: fitted in {seconds[name]} s", flush=True)
    print("| fault | " + " | ".join(PROBLEMS) + " |")
    print("|---" * (1 + len(PROBLEMS)) + "|")
    for fault in FAULTS:
        shown = " | ".join(f"{100 * results[name][fault]:.1f} %" for name in PROBLEMS)
        print(f"| {fault} | {shown} |")
    num = arguments.repeats * NUM_TESTED
    print(f"{num} observations for each number, from {arguments.repeats} trainings")
    if arguments.output:
        report = {
            **described(" ".join(["python", "benchmarks/misspecification.py", *sys.argv[1:]])),
            "training_rows": NUM_TRAINING,
            "observations": num,
            "repeats": arguments.repeats,
            "level": 0.05,
            "fit_seconds": seconds,
            "rates": results,
        }
        arguments.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
