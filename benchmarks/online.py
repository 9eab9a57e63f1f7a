"""Fresh against stored simulations, at equal wall time: held-out -log q(x | y).

    python benchmarks/online.py                         # two tasks, some 20 minutes on 2 cores
    python benchmarks/online.py --tasks two-moons --seconds 30,120
    python benchmarks/online.py --plot                  # docs/images/online.png from the results

A fit on stored simulations gets the same seconds by its own limit, and its own defaults for their
number; where it ends earlier its time says so. Seconds are those of the whole fit, simulations and
compilation included. Judged by the mean of -log q(x | y) over 10,000 further simulations; the
standard error is of that mean, and that of the difference to the online fit is of the pairs.
Results that are there already are not computed again.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import jax
import numpy as np

from machine import described
from retrodict.errors import MisspecificationWarning
from retrodict.problems import get_problem
from retrodict.solvers import ConditionalFlow

RESULTS = Path(__file__).parent / "results" / "online.jsonl"
IMAGE = Path(__file__).parents[1] / "docs" / "images" / "online.png"
STORED = (10_000, 100_000)
NUM_HELD_OUT = 10_000


def fit(task, stored, seconds, seed):
    problem = get_problem(task)
    if stored is None:
        return ConditionalFlow(random_state=seed).fit_problem(
            problem, online=True, max_seconds=seconds
        )
    solver = ConditionalFlow(random_state=seed, max_seconds=seconds)
    return solver.fit_problem(problem, num_simulations=stored)


def judge(task, stored, seconds, seed):
    problem = get_problem(task)
    started = time.perf_counter()
    solver = fit(task, stored, seconds, seed)
    taken = time.perf_counter() - started
    x, y = problem.simulations(jax.random.key(41_000 + seed), NUM_HELD_OUT)
    with warnings.catch_warnings():
        # A few are odd by chance.
        warnings.simplefilter("ignore", MisspecificationWarning)
        losses = -np.asarray(solver.retrodict(y).log_prob(x))
    return {
        "task": task,
        "stored": stored,
        "max_seconds": seconds,
        "seed": seed,
        "seconds": round(taken, 1),
        "num_rows": int(solver.num_rows_),
        "num_steps_per_second": round(float(solver.history_["steps_per_second"].iloc[-1]), 1),
        "outcome": solver.outcome_.value,
        "negative_log_likelihood": float(losses.mean()),
        "standard_error": float(losses.std() / np.sqrt(len(losses))),
    }


def known():
    if not RESULTS.exists():
        return []
    return [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]


def measure(tasks, all_seconds, seed, command):
    done = {(r["task"], r["stored"], r["max_seconds"], r["seed"]) for r in known()}
    for task in tasks:
        for seconds in all_seconds:
            for stored in (None, *STORED):
                if (task, stored, seconds, seed) in done:
                    continue
                result = judge(task, stored, seconds, seed) | described(command)
                print(json.dumps(result), flush=True)
                with RESULTS.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")


def plot():
    from matplotlib.figure import Figure

    from retrodict.plots import to_png
    from retrodict.plots.style import BLUE, MUTED, VERMILION, style_context

    results = known()
    tasks = list(dict.fromkeys(result["task"] for result in results))
    lines = {
        None: ("fresh simulations", BLUE),
        100_000: ("100,000 stored", VERMILION),
        10_000: ("10,000 stored", MUTED),
    }
    with style_context():
        figure = Figure(figsize=(4.2 * len(tasks), 3.7), layout="constrained")
        for i, task in enumerate(tasks):
            ax = figure.add_subplot(1, len(tasks), i + 1)
            for stored, (label, color) in lines.items():
                found = sorted(
                    (r["seconds"], r["negative_log_likelihood"], r["standard_error"])
                    for r in results
                    if r["task"] == task and r["stored"] == stored
                )
                seconds, losses, errors = np.array(found).T
                ax.errorbar(seconds, losses, errors, color=color, marker="o", ms=4, label=label)
            ax.set_xscale("log")
            asked = sorted({r["max_seconds"] for r in results if r["task"] == task})
            ax.set_xticks(asked, [f"{s:g}" for s in asked], minor=False)
            ax.minorticks_off()
            ax.set_xlabel("seconds for the whole fit")
            ax.set_title(task)
            if i == 0:
                ax.set_ylabel("held-out \N{MINUS SIGN}log q(x | y), nats")
                figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    IMAGE.write_bytes(to_png(figure, dpi=110))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", default="two-moons,slcp")
    parser.add_argument("--seconds", default="30,60,120")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", action="store_true")
    arguments = parser.parse_args()
    if arguments.plot:
        plot()
        return
    seconds = [float(text) for text in arguments.seconds.split(",")]
    command = (
        f"python benchmarks/online.py --tasks {arguments.tasks} --seconds {arguments.seconds} "
        f"--seed {arguments.seed}"
    )
    measure(arguments.tasks.split(","), seconds, arguments.seed, command)


if __name__ == "__main__":
    main()
