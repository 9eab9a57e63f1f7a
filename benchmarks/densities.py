"""Every architecture on densities whose entropy is known: how far above the floor it stays.

    python benchmarks/densities.py --output benchmarks/results/densities.jsonl
    python benchmarks/densities.py maf glow --targets toy8
    python benchmarks/densities.py --table benchmarks/results/densities.jsonl

Each flow, with its default settings, learns from the same 100,000 draws by maximum likelihood
(the continuous flow by flow matching), with one training configuration for all. Printed per
architecture and target: the test negative log-likelihood minus the exact floor (nats, 20,000
fresh draws, whose exact log-densities stand for the floor: less noise), training time with
compilation, time per 1,000 draws, the largest and the typical round-trip error (1,000 test
rows, standard deviations), and the number of parameters.
"""

import argparse
import json
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from machine import described
from retrodict.bijections import without_throw
from retrodict.diagnostics import round_trip
from retrodict.flows import ARCHITECTURES, get_architecture
from retrodict.objectives import FlowMatchingLoss, negative_log_likelihood
from retrodict.problems.toy_densities import TOY_DENSITIES
from retrodict.training import TrainingConfig, train
from retrodict.training.mesh import shared_mesh

NUM_TRAIN, NUM_TEST, NUM_DRAWS, NUM_ROUND_TRIPS = 100_000, 20_000, 10_000, 1_000
BATCH_SIZE, BLOCK = 512, 5_000
BY_FLOW_MATCHING = ("ffjord",)


@eqx.filter_jit
def log_probs(flow, x, condition):
    return jax.vmap(flow.log_prob)(x, condition)


@eqx.filter_jit
def draws(flow, keys, condition):
    return jax.vmap(flow.sample)(keys, condition)


def blocks(function, num, *columns):
    """function of the columns' rows, a block at a time; None stays None."""
    parts = [
        np.asarray(function(*(c if c is None else c[i : i + BLOCK] for c in columns)))
        for i in range(0, num, BLOCK)
    ]
    return np.concatenate(parts)


def learned(name, x, condition, num_steps, seed):
    """A trained flow over x, which has mean zero and unit variance, and its training time."""
    cond_dim = 0 if condition is None else condition.shape[1]
    flow = get_architecture(name).build(x.shape[1], cond_dim, key=jax.random.key(seed))
    matching = name in BY_FLOW_MATCHING
    num_epochs = max(1, round(num_steps * BATCH_SIZE / len(x)))
    config = TrainingConfig(
        batch_size=BATCH_SIZE,
        max_epochs=num_epochs,
        learning_rate=2e-3,
        patience=None,
        ema_decay=0.999,
    )
    num_held_out = 5_000
    rows = x if condition is None else (x, condition)
    held_out, used = (
        jax.tree.map(lambda a: a[:num_held_out], rows),
        jax.tree.map(lambda a: a[num_held_out:], rows),
    )

    def pair(batch):
        return (batch, None) if condition is None else batch

    objective = FlowMatchingLoss() if matching else negative_log_likelihood
    started = time.perf_counter()
    result = train(
        without_throw(flow),
        lambda flow, batch, key: objective(flow, pair(batch), key),
        used,
        held_out,
        key=jax.random.key(seed + 1),
        config=config,
        mesh=shared_mesh(BATCH_SIZE),
    )
    return result.model, time.perf_counter() - started


def measure(name, target, num_steps, seed):
    density = TOY_DENSITIES[target]
    key_train, key_test = jax.random.split(jax.random.key(100 + seed))
    x, condition = density.draw(key_train, NUM_TRAIN)
    test, test_condition = density.draw(key_test, NUM_TEST)
    loc, scale = x.mean(axis=0), x.std(axis=0)
    flow, seconds = learned(name, (x - loc) / scale, condition, num_steps, seed)
    u = (test - loc) / scale
    log_q = blocks(lambda u, c: log_probs(flow, u, c), NUM_TEST, u, test_condition)
    log_p = blocks(lambda x, c: log_probs(density.make(), x, c), NUM_TEST, test, test_condition)
    # -log q less the floor has the same mean and several times the variance.
    excess = log_p - (log_q - float(jnp.log(scale).sum()))
    keys = jax.random.split(jax.random.key(seed + 2), NUM_DRAWS)
    cond = None if condition is None else test_condition[:NUM_DRAWS]
    draws(flow, keys, cond).block_until_ready()
    started = time.perf_counter()
    draws(flow, keys, cond).block_until_ready()
    sampling = time.perf_counter() - started
    trip = round_trip(
        flow, np.asarray(u[:NUM_ROUND_TRIPS]), None if cond is None else cond[:NUM_ROUND_TRIPS]
    )
    leaves = jax.tree.leaves(eqx.filter(flow, eqx.is_inexact_array))
    return {
        "architecture": name,
        "target": target,
        "nll_above_floor": round(float(excess.mean()), 4),
        "standard_error": round(float(excess.std() / np.sqrt(NUM_TEST)), 4),
        "training_seconds": round(seconds, 1),
        "milliseconds_per_1000_draws": round(1e6 * sampling / NUM_DRAWS, 2),
        "largest_round_trip_error": float(f"{trip.largest_error:.2g}"),
        "typical_round_trip_error": float(f"{trip.typical_error:.2g}"),
        "share_not_converged": trip.share_not_converged,
        "num_parameters": sum(leaf.size for leaf in leaves),
    }


def table(path):
    """The rows of a results file as Markdown: one line per architecture."""
    rows = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    found = {(row["architecture"], row["target"]): row for row in rows}
    names = list(dict.fromkeys(row["architecture"] for row in rows))
    heads = [*TOY_DENSITIES, "training (s)", "1,000 draws (ms)", "round trip", "parameters"]
    lines = [f"| architecture | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for name in names:
        own = [found[name, target] for target in TOY_DENSITIES if (name, target) in found]
        cells = [
            f"{found[name, target]['nll_above_floor']:.3f}" if (name, target) in found else ""
            for target in TOY_DENSITIES
        ]
        cells += [
            f"{np.median([row['training_seconds'] for row in own]):.0f}",
            f"{np.median([row['milliseconds_per_1000_draws'] for row in own]):.2g}",
            f"{max(row['largest_round_trip_error'] for row in own):.1g}",
            f"{max(row['num_parameters'] for row in own):,}",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="architectures; all by default")
    parser.add_argument("--targets", nargs="*", default=list(TOY_DENSITIES))
    parser.add_argument("--num-steps", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", help="add each row to this file, one JSON object per line")
    parser.add_argument("--table", help="print the table of this file, and nothing else")
    arguments = parser.parse_args()
    if arguments.table:
        print(table(arguments.table))
        return
    command = f"python benchmarks/densities.py --num-steps {arguments.num_steps}"
    for name in arguments.names or ARCHITECTURES:
        for target in arguments.targets:
            row = measure(name, target, arguments.num_steps, arguments.seed)
            # Linux lets a process map 65,530 pieces of memory; compiled programs use them up.
            jax.clear_caches()
            print(json.dumps(row), flush=True)
            if arguments.output:
                with Path(arguments.output).open("a", encoding="utf-8") as file:
                    file.write(json.dumps({**row, **described(command)}) + "\n")


if __name__ == "__main__":
    main()
