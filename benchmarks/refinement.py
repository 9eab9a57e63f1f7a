"""What refinement makes of a modestly trained flow: C2ST to the exact posterior.

    python benchmarks/refinement.py two-moons:10000:0.05 linear-gaussian:3000

Each argument is task:simulations[:share of proposals from the prior]. A default
`ConditionalFlow` is trained, and its posteriors of the first of sbibm's reference observations
(found in RETRODICT_DATA, or fetched) are compared, before and after
sampling-importance-resampling of 10,000 draws from 20 times as many, with 10,000 exact draws
of the problem. C2ST is sbibm's. The draws are resampled without replacement, because a
classifier can learn repeated ones by heart. Each observation's result is written as soon as
it is there.
"""

import argparse
import json
import time
from pathlib import Path

import jax
import numpy as np

from machine import described
from retrodict.datasets import sbibm_reference
from retrodict.diagnostics import c2st
from retrodict.problems import get_problem
from retrodict.solvers import ConditionalFlow
from retrodict.solvers.refinement import SamplingImportanceResampling

NUM_DRAWS = 10_000


def observations(task, num):
    return np.stack([sbibm_reference(task, i).observation for i in range(1, num + 1)])


def refined(task, num_simulations, prior_share, num_observations, seed, proposals_per_draw):
    problem = get_problem(task)
    started = time.perf_counter()
    estimator = ConditionalFlow(random_state=seed)
    estimator.fit_problem(problem, num_simulations=num_simulations)
    fit_seconds = time.perf_counter() - started
    y = observations(task, num_observations)
    posterior = estimator.retrodict(y)
    before = posterior.sample(NUM_DRAWS)
    method = SamplingImportanceResampling(
        proposals_per_draw=proposals_per_draw, replacement=False, prior_share=prior_share
    )
    started = time.perf_counter()
    after = posterior.refine(problem, method, num_draws=NUM_DRAWS, allow_unusable=True)
    refine_seconds = time.perf_counter() - started
    draws, report = after.sample(NUM_DRAWS), after.refinement.to_dict()
    print(after.refinement, report, flush=True)
    exact = problem.exact_posterior_rows(jax.random.key(100 + seed), y, NUM_DRAWS)
    for i in range(num_observations):
        yield {
            "task": task,
            "num_simulations": num_simulations,
            "seed": seed,
            "observation": i + 1,
            "c2st_before": c2st(exact[i], before[i]).accuracy,
            "c2st_after": c2st(exact[i], draws[i]).accuracy,
            "pareto_k": report["pareto_k"][i],
            "ess": round(report["ess"][i]),
            "num_proposals": report["num_proposals"],
            "prior_share": prior_share,
            "log_evidence": report["log_evidence"][i],
            "log_evidence_error": report["log_evidence_error"][i],
            "fit_seconds": round(fit_seconds, 1),
            "refine_seconds_of_all_observations": round(refine_seconds, 1),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", nargs="+", help="task:simulations[:prior share]")
    parser.add_argument("--observations", type=int, default=3)
    parser.add_argument("--proposals-per-draw", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/refinement.jsonl"))
    arguments = parser.parse_args()
    for job in arguments.jobs:
        task, num_simulations, *share = job.split(":")
        rows = refined(
            task,
            int(num_simulations),
            float(share[0]) if share else 0.0,
            arguments.observations,
            arguments.seed,
            arguments.proposals_per_draw,
        )
        command = (
            f"python benchmarks/refinement.py {job} --observations {arguments.observations} "
            f"--proposals-per-draw {arguments.proposals_per_draw} --seed {arguments.seed}"
        )
        for row in rows:
            print(row, flush=True)
            with arguments.output.open("a") as file:
                file.write(json.dumps({**row, **described(command)}) + "\n")


if __name__ == "__main__":
    main()
