"""Truncated sequential inference on the tasks of sbibm: C2ST, one observation at a time.

    python benchmarks/sequential.py --output benchmarks/results/sequential.jsonl
    python benchmarks/sequential.py two-moons slcp --observations 2 --fast --output out.jsonl
    python benchmarks/sequential.py --table benchmarks/results/sequential.jsonl

Each observation of each task is fitted for on its own with the defaults of `ConditionalFlow`, and
10,000 draws are compared with the 10,000 reference draws (Lueckmann et al. 2021). One line of JSON
is added to the output for each; those that are there already are skipped, so that a run that was
cut short goes on. The table at the end has the means over the observations beside published ones
over the same: SNPE's, and that of the best of all sequential methods. Times include the compilation
of what no earlier fit of the same run has compiled; their median is shown.

`--held-out` takes observations that were simulated here instead, which choices may be made on. They
are judged without reference draws: by the effective share of draws weighted with the likelihood,
and by the mean of log q(x | y) at the true causes.
"""

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import logsumexp

from machine import described
from retrodict.bench.published import published_results
from retrodict.datasets import SBIBM_TASKS, sbibm_published, sbibm_reference
from retrodict.diagnostics import c2st, fast_c2st
from retrodict.errors import RetrodictWarning
from retrodict.problems import get_problem
from retrodict.solvers import ConditionalFlow

SEQUENTIAL = ("SNPE", "SNLE", "SNRE", "SMC-ABC")
NUM_DRAWS = 10_000
_FIRST_HELD_OUT_SEED = 1_000


def fitted(problem, observation, arguments):
    """The solver, the seconds it took, and what it warned of."""
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RetrodictWarning)
        solver = ConditionalFlow(random_state=arguments.seed).fit_problem(
            problem,
            num_simulations=arguments.budget,
            observation=observation,
            num_rounds=arguments.rounds,
        )
    told = sorted({type(warning.message).__name__ for warning in caught})
    return solver, time.perf_counter() - started, told


def against_reference(task, number, arguments):
    reference = sbibm_reference(task, number)
    solver, seconds, told = fitted(get_problem(task), reference.observation, arguments)
    draws = solver.retrodict(reference.observation).sample(NUM_DRAWS)
    compare = fast_c2st if arguments.fast else c2st
    found = {"c2st": round(float(compare(reference.draws, draws).accuracy), 4)}
    return found | summary(solver, seconds, told)


def held_out(task, number, arguments):
    problem = get_problem(task)
    x, y = problem.simulations(jax.random.key(_FIRST_HELD_OUT_SEED + number), 1)
    solver, seconds, told = fitted(problem, y[0], arguments)
    posterior = solver.retrodict(y[0])
    draws = posterior.sample(NUM_DRAWS)
    likelihood = jax.jit(jax.vmap(problem.log_likelihood, (0, None)))
    weights = problem.prior_log_prob(draws) - posterior.log_prob(draws)
    weights += np.asarray(likelihood(jnp.asarray(draws, float), jnp.asarray(y[0], float)))
    effective = np.exp(2 * logsumexp(weights) - logsumexp(2 * weights)) / NUM_DRAWS
    found = {
        "effective_share": round(float(effective), 4),
        "log_prob_of_truth": round(float(posterior.log_prob(x)[0]), 3),
    }
    return found | summary(solver, seconds, told)


def summary(solver, seconds, told):
    rounds = solver.rounds_.astype(object).where(solver.rounds_.notna(), None)
    return {
        "fit_seconds": round(seconds, 1),
        "check_passed": solver.truncation_check_.passed,
        "warnings": told,
        "rounds": rounds.to_dict("records"),
    }


def finished(path):
    """Lines of an earlier run."""
    if path is None or not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def table(lines, measure):
    """Means over the observations, beside published ones over the same."""
    published = sbibm_published() if measure == "c2st" else None
    print(f"| task | simulations | rounds | observations | {measure} | sd | fit |", end="")
    print(" SNPE | best sequential |" if measure == "c2st" else "")
    print("|---|---:|---:|---:|---:|---:|---:|" + "---:|---|" * (measure == "c2st"))
    kinds = dict.fromkeys((line["task"], line["budget"], line["num_rounds"]) for line in lines)
    for kind in kinds:
        found = [
            line
            for line in lines
            if (line["task"], line["budget"], line["num_rounds"]) == kind and measure in line
        ]
        if not found:
            continue
        values = [line[measure] for line in found]
        seconds = np.median([line["fit_seconds"] for line in found])
        task, budget, num_rounds = kind
        cells = [task, f"{budget:,}", num_rounds, len(found), f"{np.mean(values):.3f}"]
        cells += [f"{np.std(values, ddof=1):.3f}" if len(values) > 1 else "", f"{seconds:.0f} s"]
        if measure == "c2st":
            numbers = sorted({line["observation"] for line in found})
            theirs = published_results(published, task, budget, numbers)
            theirs = {name: theirs[name].c2st for name in SEQUENTIAL if name in theirs}
            best = min(theirs, key=theirs.get, default=None)
            cells += [f"{theirs['SNPE']:.3f}" if "SNPE" in theirs else ""]
            cells += [f"{theirs[best]:.3f} ({best})" if best else ""]
        print("| " + " | ".join(map(str, cells)) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", help="names of problems; all six by default")
    parser.add_argument("--budget", type=lambda text: int(float(text)), default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--observations", type=int, default=10, help="the first so many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fast", action="store_true", help="C2ST by `fast_c2st`")
    parser.add_argument("--held-out", action="store_true", help="observations simulated here")
    parser.add_argument("--output", type=Path, help="a line of JSON is added for each fit")
    parser.add_argument("--table", type=Path, help="print the table of such a file, and stop")
    arguments = parser.parse_args()
    if arguments.table:
        table(finished(arguments.table), "c2st")
        return
    lines = finished(arguments.output)
    for task in arguments.tasks or SBIBM_TASKS:
        for number in range(1, arguments.observations + 1):
            what = {
                "task": task,
                "observation": number,
                "held_out": arguments.held_out,
                "budget": arguments.budget,
                "num_rounds": arguments.rounds,
                "seed": arguments.seed,
                "fast": arguments.fast,
            }
            if any(what.items() <= line.items() for line in lines):
                continue
            found = (held_out if arguments.held_out else against_reference)(task, number, arguments)
            line = what | found | described(" ".join(["python", *sys.argv]))
            lines.append(line)
            print(json.dumps({k: v for k, v in line.items() if k != "rounds"}), flush=True)
            if arguments.output:
                with arguments.output.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
    table(lines, "log_prob_of_truth" if arguments.held_out else "c2st")


if __name__ == "__main__":
    main()
