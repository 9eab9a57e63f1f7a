"""The defaults of `ConditionalFlow` beside variants that differ in one thing.

    python benchmarks/defaults.py --output benchmarks/results/defaults.jsonl
    python benchmarks/defaults.py --only "default,before" --tasks concrete,sir --budgets 1e3
    python benchmarks/defaults.py --table benchmarks/results/defaults.jsonl

Judged by the mean of -log q(x | y) over held-out rows: 5,000 fresh simulations of each problem,
or the test rows of the published splits of the concrete table, where x are the seven ingredients
and y are age and strength (folder uci of RETRODICT_DATA). Inverse kinematics, whose posterior is a
thin sheet, also by the unbiased MMD^2 to the exact posterior of 200 observations. No reference
observation of any benchmark enters. An interrupted run goes on where it was.
"""

import argparse
import dataclasses
import json
import os
import shlex
import sys
import time
from pathlib import Path
from unittest import mock

import jax
import numpy as np
import pandas as pd

from machine import described
from retrodict.diagnostics import mmd_per_observation
from retrodict.flows import FlowEnsemble
from retrodict.problems import get_problem
from retrodict.solvers import ConditionalFlow, scaling
from retrodict.solvers.defaults import default_flow, default_flow_members, default_training
from retrodict.solvers.observation_scaling import fit_observation_scaling

PROBLEMS = (
    "two-moons",
    "gaussian-mixture",
    "linear-gaussian",
    "slcp",
    "sir",
    "lotka-volterra",
    "inverse-kinematics",
)
SEED = 7
NUM_SPLITS = 5
KINEMATICS = "inverse-kinematics"
DATA = Path(os.environ.get("RETRODICT_DATA", Path(__file__).parents[2] / "shared" / "data"))


class Variant(ConditionalFlow):
    """The default flow with other settings of the flow or of its training.

    Args:
        architecture: settings of the flow in place of the default ones.
        training: settings of the training, each a number or a function of the default training.
        num_members: as ever.
        random_state: likewise.
        raw: whether columns under asinh are seen straight as well.
    """

    def __init__(
        self, architecture=None, training=None, num_members=None, random_state=0, raw=True
    ):
        super().__init__(num_members=num_members, random_state=random_state)
        self.architecture = architecture
        self.training = training
        self.raw = raw

    def _scale(self, *args):
        if self.raw:
            return super()._scale(*args)

        def bent(y, **_):
            return fit_observation_scaling(y, also_raw=False)

        with mock.patch.object(scaling, "fit_observation_scaling", bent):
            return super()._scale(*args)

    def _chosen_architecture(self, num_rows):
        chosen = default_flow("spline-coupling", num_rows)
        settings = {
            name: value(chosen) if callable(value) else value
            for name, value in (self.architecture or {}).items()
        }
        chosen = dataclasses.replace(chosen, **settings)
        num_members = self.num_members or default_flow_members(num_rows)
        return FlowEnsemble.of(chosen, num_members) if num_members > 1 else chosen

    def _chosen_training(self, num_rows):
        chosen = default_training(num_rows)
        settings = {
            name: value(chosen) if callable(value) else value
            for name, value in (self.training or {}).items()
        }
        return dataclasses.replace(chosen, **settings)


def times(factor, name):
    """A setting multiplied by a factor, whole where it was."""

    def value(chosen):
        found = getattr(chosen, name)
        return max(1, round(found * factor)) if isinstance(found, int) else found * factor

    return value


def as_before(chosen):
    """Epochs of 2,000 steps, or 8,000 of many rows, of twice the batch."""
    if chosen.batch_size <= 64:
        return 100
    return 57 if chosen.batch_size <= 128 else 46


def variants():
    before = {
        "batch_size": times(2, "batch_size"),
        "weight_decay": times(2, "weight_decay"),
        "learning_rate": 5e-3,
        "ema_decay": None,
        "max_epochs": as_before,
    }
    return {
        "default": Variant(),
        "before": Variant(
            {"activation": "relu", "num_layers": 8}, before, num_members=1, raw=False
        ),
        "asinh alone": Variant(raw=False),
        "one flow": Variant(num_members=1),
        "twice the flows": None,
        "ReLU": Variant({"activation": "relu"}),
        "GELU": Variant({"activation": "gelu"}),
        "no averaged weights": Variant(training={"ema_decay": None}),
        "half the learning rate": Variant(training={"learning_rate": times(0.5, "learning_rate")}),
        "twice the learning rate": Variant(training={"learning_rate": times(2, "learning_rate")}),
        "a third of the decay": Variant(training={"weight_decay": times(1 / 3, "weight_decay")}),
        "three times the decay": Variant(training={"weight_decay": times(3, "weight_decay")}),
        "half the steps": Variant(training={"max_epochs": times(0.5, "max_epochs")}),
        "twice the steps": Variant(training={"max_epochs": times(2, "max_epochs")}),
        "half the width": Variant({"width": times(0.5, "width")}),
        "twice the width": Variant({"width": times(2, "width")}),
        "3 couplings": Variant({"num_layers": 3}),
        "8 couplings": Variant({"num_layers": 8}),
        "half the batch": Variant(training={"batch_size": times(0.5, "batch_size")}),
        "twice the batch": Variant(training={"batch_size": times(2, "batch_size")}),
        "residual networks": Variant({"conditioner": "residual"}),
    }


def variant(name, num_rows):
    if name == "twice the flows":
        return Variant(num_members=2 * default_flow_members(num_rows))
    return variants()[name]


def concrete(split):
    """Ingredients, then age and strength, of the training rows; the same of the test rows."""
    folder = DATA / "uci" / "concrete"
    rows = np.loadtxt(folder / "data.txt")
    for part in ("train", "test"):
        chosen = rows[np.loadtxt(folder / f"index_{part}_{split}.txt", dtype=int)]
        yield chosen[:, :7], chosen[:, 7:]


def judge(task, budget, name):
    if task == "concrete":
        scores, seconds = [], []
        for split in range(NUM_SPLITS):
            (x, y), (test_x, test_y) = concrete(split)
            estimator = variant(name, len(x)).set_params(random_state=SEED)
            started = time.perf_counter()
            estimator.fit(x, y)
            seconds.append(time.perf_counter() - started)
            scores.append(-estimator.retrodict(test_y).log_prob(test_x))
        score = np.concatenate(scores)
        return {"splits": NUM_SPLITS, "fit_seconds": round(float(np.median(seconds)), 1)} | summary(
            score
        )
    problem = get_problem(task)
    estimator = variant(name, budget).set_params(random_state=SEED)
    started = time.perf_counter()
    estimator.fit_problem(problem, num_simulations=budget)
    result = {
        "fit_seconds": round(time.perf_counter() - started, 1),
        "num_epochs": len(estimator.history_) - 1,
        "best_epoch": int(estimator.history_["validation_loss"].argmin()),
    }
    x, y = problem.simulations(jax.random.key(31_000), 5_000)
    result |= summary(-estimator.retrodict(y).log_prob(x))
    if task == KINEMATICS:
        y = y[:200]
        truth = problem.exact_posterior_rows(jax.random.key(32_000), y, 1000)
        mismatch = mmd_per_observation(estimator.retrodict(y).sample(1000), truth)
        result |= {"mmd2_mean": mismatch.mean, "mmd2_median": mismatch.median}
    return result


def summary(score):
    """Mean and its standard error."""
    return {
        "negative_log_likelihood": round(float(score.mean()), 4),
        "standard_error": round(float(score.std() / np.sqrt(len(score))), 4),
    }


def table(path):
    """Each variant's mean -log q less that of the default, per task and budget, in Markdown."""
    rows = pd.read_json(path, lines=True).drop_duplicates(
        ["task", "budget", "variant"], keep="last"
    )
    rows["column"] = rows["task"] + np.where(
        rows["task"] == "concrete", "", rows["budget"].map(", {:,}".format)
    )
    score = rows.pivot_table(index="variant", columns="column", values="negative_log_likelihood")
    order = [name for name in variants() if name in score.index]
    difference = (score - score.loc["default"]).loc[order]
    shown = difference.map(lambda value: "" if np.isnan(value) else f"{value:+.3f}")
    shown.loc["default"] = score.loc["default"].map("{:.3f}".format)
    columns = list(shown.columns)
    lines = ["| variant | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    lines += [f"| {name} | " + " | ".join(row) + " |" for name, row in shown.iterrows()]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", default=",".join((*PROBLEMS, "concrete")))
    parser.add_argument("--budgets", default="1e3,1e4", help="simulations of each problem")
    parser.add_argument("--only", help="names of variants, separated by commas")
    parser.add_argument("--output", type=Path, help="add each result to this file, one per line")
    parser.add_argument("--table", type=Path, help="print the table of such a file, and stop")
    arguments = parser.parse_args()
    if arguments.table:
        print(table(arguments.table))
        return
    done = set()
    if arguments.output and arguments.output.exists():
        lines = map(json.loads, arguments.output.read_text(encoding="utf-8").splitlines())
        done = {(line["task"], line["budget"], line["variant"]) for line in lines}
    for name in arguments.only.split(",") if arguments.only else variants():
        for task in arguments.tasks.split(","):
            for budget in [0] if task == "concrete" else arguments.budgets.split(","):
                job = (task, int(float(budget)), name)
                if job in done:
                    continue
                result = dict(zip(("task", "budget", "variant"), job, strict=True))
                result |= judge(*job) | described(shlex.join(["python", *sys.argv]))
                print(json.dumps(result), flush=True)
                if arguments.output:
                    with arguments.output.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
