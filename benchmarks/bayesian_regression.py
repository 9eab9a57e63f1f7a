"""Bayesian regression on the seven tables of Gal and Ghahramani (2016), their published splits.

    python benchmarks/bayesian_regression.py --output benchmarks/results/bayesian_regression.json

Per table and method the mean of root mean square error and test log-likelihood over the splits,
with its standard error, beside the published figures of dropout networks, and how often
predictive intervals hold the truth; "conformal" is the ensemble of four fifths of the training
rows, with intervals calibrated on the others. One set of settings, the defaults, for all tables;
they were chosen on parts of the training rows of the first splits. Data: the folder
RETRODICT_DATA, by default ../shared/data. Every finished fit is a line in OUTPUT.jsonl, from
which a run that was stopped goes on.
"""

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from machine import described

DATA = Path(os.environ.get("RETRODICT_DATA", Path(__file__).parents[2] / "shared" / "data"))
# Root mean square error and log-likelihood.
PUBLISHED = {
    "yacht": (0.666, -1.250),
    "energy": (0.539, -1.212),
    "bostonHousing": (2.90, -2.402),
    "concrete": (4.83, -2.937),
    "wine-quality-red": (0.622, -0.928),
    "kin8nm": (0.0789, 1.136),
    "power-plant": (4.014, -2.808),
}
METHODS = ("ensemble", "variational", "dropout", "laplace", "none", "conformal")
LEVELS = (0.5, 0.8, 0.95)


def split(name, number):
    folder = DATA / "uci" / name
    table = np.loadtxt(folder / "data.txt")
    columns = np.loadtxt(folder / "index_features.txt", dtype=int)
    target = int(np.loadtxt(folder / "index_target.txt"))
    parts = [
        np.loadtxt(folder / f"index_{kind}_{number}.txt", dtype=int) for kind in ("train", "test")
    ]
    return [(table[rows][:, columns], table[rows, target]) for rows in parts]


def measured(name, number, method):
    from retrodict import BayesianRegressor

    (X, y), (X_test, y_test) = split(name, number)
    started = time.perf_counter()
    if method == "conformal":
        order = np.random.default_rng(number).permutation(len(X))
        aside, used = np.split(order, [len(X) // 5])
        model = BayesianRegressor("ensemble", random_state=number).fit(X[used], y[used])
        model.calibrate(X[aside], y[aside])
    else:
        model = BayesianRegressor(method, random_state=number).fit(X, y)
    seconds = time.perf_counter() - started
    mean = model.predict(X_test)
    intervals = [model.predict_interval(X_test, level) for level in LEVELS]
    return {
        "data": name,
        "split": number,
        "method": method,
        "rmse": float(np.sqrt(np.mean((mean - y_test) ** 2))),
        "log_likelihood": float(model.log_prob(X_test, y_test).mean()),
        "coverage": [float(((a <= y_test) & (y_test <= b)).mean()) for a, b in intervals],
        "seconds": round(seconds, 2),
    }


def finished(path):
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {(row["data"], row["split"], row["method"]): row for row in rows}


def summary(rows):
    """Means over splits, their standard errors, and whether they reach what was published."""
    table = {}
    for name, published in PUBLISHED.items():
        for method in METHODS:
            found = [row for row in rows if (row["data"], row["method"]) == (name, method)]
            if len(found) < 2:
                continue
            entry = {"splits": len(found)}
            signs = {"rmse": 1, "log_likelihood": -1}
            for (figure, sign), reference in zip(signs.items(), published, strict=True):
                values = np.array([row[figure] for row in found])
                error = values.std(ddof=1) / np.sqrt(len(values))
                entry[figure] = round(float(values.mean()), 4)
                entry[f"{figure}_error"] = round(float(error), 4)
                entry[f"{figure}_reached"] = bool(
                    sign * values.mean() <= sign * reference + 2 * error
                )
            entry["coverage"] = (
                np.mean([row["coverage"] for row in found], axis=0).round(3).tolist()
            )
            entry["median_seconds"] = float(np.median([row["seconds"] for row in found]))
            table.setdefault(name, {})[method] = entry
    return table


def told(table):
    lines = [f"{'':17}{'':12}{'RMSE':>16} {'':>4}{'log-likelihood':>20} {'':>4}  50, 80, 95 %"]
    for name, methods in table.items():
        lines.append(
            f"{name:17}{'published':12}{PUBLISHED[name][0]:8.4f}{PUBLISHED[name][1]:24.3f}"
        )
        for method, row in methods.items():
            lines.append(
                f"{'':17}{method:12}{row['rmse']:8.4f} ± {row['rmse_error']:6.4f} "
                f"{'ok' if row['rmse_reached'] else '-':>3}{row['log_likelihood']:11.3f} ± "
                f"{row['log_likelihood_error']:6.3f} "
                f"{'ok' if row['log_likelihood_reached'] else '-':>3}   "
                + ", ".join(f"{100 * share:.0f}" for share in row["coverage"])
                + f"   {row['median_seconds']:.1f} s"
            )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--data", nargs="+", choices=PUBLISHED, default=list(PUBLISHED))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    options = parser.parse_args()
    lines = options.output.with_suffix(".jsonl")
    done = finished(lines)
    asked = [
        (name, number, method)
        for number in range(options.splits)
        for name in options.data
        for method in options.methods
    ]
    missing = [task for task in asked if task not in done]
    started = time.perf_counter()
    # Two networks side by side leave no cores for more threads each.
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    with (
        ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool,
        lines.open("a", encoding="utf-8") as file,
    ):
        for future in as_completed([pool.submit(measured, *task) for task in missing]):
            row = future.result()
            done[row["data"], row["split"], row["method"]] = row
            file.write(json.dumps(row) + "\n")
            file.flush()
            print(json.dumps(row), flush=True)
    table = summary(list(done.values()))
    print(told(table))
    result = {
        **described(f"python benchmarks/bayesian_regression.py --output {options.output}"),
        "seconds_of_this_run": round(time.perf_counter() - started),
        "fits_of_this_run": len(missing),
        "seconds_of_all_fits": round(sum(row["seconds"] for row in done.values())),
        "published": PUBLISHED,
        "levels": LEVELS,
        "table": table,
    }
    options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
