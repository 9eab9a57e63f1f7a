"""The bidirectional invertible network on eight Gaussians, with L_x, its older form, and none.

    python benchmarks/toy8.py --output benchmarks/results/toy8.json --picture docs/images/toy8.png

The experiment of Ardizzone et al. 2019 (arXiv:1808.04730, sec. 4.1): position from label,
under three maps from the eight clusters to labels. For each label the share of draws in each
cluster is compared with the truth; a draw belongs to a cluster if it lies within four standard
deviations of its centre, and to none otherwise.
"""

import argparse
import json
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from machine import described
from retrodict.problems import get_problem
from retrodict.problems.toy_densities import TOY8_LOCS, TOY8_SD
from retrodict.solvers import InvertibleNetwork

MAPS = ("all", "some", "none")
LOSSES = {
    "all losses": {},
    "L_x of x alone": {"joint": False},
    "without L_x": {"weight_x": 0.0},
}
NUM_DRAWS = 4000
CENTRES = np.array(TOY8_LOCS)


def shares_of(draws):
    """Share of draws in each cluster; what is missing from 1 lies in none."""
    distance = np.linalg.norm(draws[:, None] - CENTRES, axis=-1)
    inside = distance < 4 * TOY8_SD
    return inside.mean(axis=0)


def trained(labels, losses, options):
    problem = get_problem(f"toy8-{labels}")
    solver = InvertibleNetwork(
        **LOSSES[losses], max_epochs=options.epochs, random_state=options.seed
    )
    started, cpu = time.perf_counter(), time.process_time()
    solver.fit_problem(problem, num_simulations=options.simulations)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    rows = []
    of_component = np.array(problem.labels)
    for label in np.unique(of_component):
        draws = solver.retrodict(np.eye(len(CENTRES))[label]).sample(NUM_DRAWS)
        bears_it = of_component == label
        truth = bears_it / bears_it.sum()
        shares = shares_of(draws)
        rows.append((int(label), draws, shares, truth))
    result = {
        "labels": labels,
        "losses": losses,
        "largest_error_of_a_share": max(float(np.abs(s - t).max()) for _, _, s, t in rows),
        "mean_share_in_no_cluster": float(np.mean([1 - s.sum() for _, _, s, _ in rows])),
        "shares": {label: np.round(s, 4).tolist() for label, _, s, _ in rows},
        "simulations": options.simulations,
        "epochs": len(solver.history_) - 1,
        "best_held_out_loss": float(solver.history_["validation_loss"].min()),
        "seed": options.seed,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 1),
        **described("benchmarks/toy8.py"),
    }
    return result, [(label, draws) for label, draws, _, _ in rows]


def picture(panels, path):
    figure, axes = plt.subplots(
        len(LOSSES), len(MAPS), figsize=(9, 9.6), sharex=True, sharey=True, squeeze=False
    )
    for (labels, losses), (result, draws) in panels.items():
        ax = axes[list(LOSSES).index(losses), MAPS.index(labels)]
        for label, of_label in draws:
            ax.plot(*of_label[:1000].T, ".", markersize=1.5, color=f"C{label}", alpha=0.5)
        ax.set_title(
            f'labels "{labels}", {losses}\nlargest error of a share '
            f"{result['largest_error_of_a_share']:.3f}",
            fontsize=9,
        )
        ax.set(xlim=(-3.6, 3.6), ylim=(-3.6, 3.6), aspect="equal")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--maps", nargs="+", choices=MAPS, default=MAPS)
    parser.add_argument("--losses", nargs="+", choices=LOSSES, default=tuple(LOSSES))
    parser.add_argument("--simulations", type=int, default=30_000)
    parser.add_argument("--epochs", type=int, help="default: what the solver takes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="JSON, one list of results")
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    panels = {}
    for labels in options.maps:
        for losses in options.losses:
            panels[labels, losses] = trained(labels, losses, options)
            print(json.dumps(panels[labels, losses][0]), flush=True)
    if options.output:
        results = [result for result, _ in panels.values()]
        options.output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if options.picture:
        picture(panels, options.picture)


if __name__ == "__main__":
    main()
