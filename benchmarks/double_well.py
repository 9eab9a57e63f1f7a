"""Four particles in a double-well pair potential (DW4), by an E(n)-equivariant flow.

    python benchmarks/double_well.py --rows 10000

The density is exp(-U) on the clouds of 4 points in the plane with mean zero, a 6-dimensional
subspace; U = sum over pairs of .9 t^4 - 4 t^2, t = distance - 4. Data: the folder RETRODICT_DATA,
by default ../shared/data. The flow is trained by flow matching on pairs that are aligned by
relabelling, rotation and reflection (Klein et al. 2023, arXiv:2306.15030); nothing augments the
data.

Figures: mean of -log p over held-out clouds in nats, exact trace, with its standard error; the
largest round-trip error over 100 clouds, in single precision at the solver's tolerance and in
double precision at 1e-7; at the latter, the largest change of log p when these clouds are
relabelled, rotated, reflected and shifted. Settings are chosen on --split val; the results are of
the test split. Times include compilation.
"""

import argparse
import itertools
import json
import os
import sys
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from machine import described
from retrodict.bijections import Tolerance
from retrodict.flows import EquivariantFlow
from retrodict.objectives import FlowMatchingLoss
from retrodict.training import TrainingConfig, train
from retrodict.training.mesh import shared_mesh

DATA = Path(os.environ.get("RETRODICT_DATA", Path(__file__).parents[2] / "shared" / "data"))
SHAPE = (4, 2)
SUBSPACE = 6
RELABELLINGS = np.array(list(itertools.permutations(range(SHAPE[0]))))
BLOCK = 500
NUM_CERTIFIED = 100


def clouds(split):
    """Clouds of mean zero, float32."""
    x = np.load(DATA / "dw4" / f"{split}.npy").astype(np.float64).reshape(-1, *SHAPE)
    return (x - x.mean(axis=1, keepdims=True)).astype(np.float32)


def aligned(x0, x1):
    """`x0` relabelled, rotated and reflected to be as near to `x1` as it can be."""
    relabelled = x0[RELABELLINGS]
    covariance = jnp.einsum("pni,nj->pij", relabelled, x1)
    # In the plane, the sum of the singular values and the nearest orthogonal matrix are
    # closed: M + sign(det M) cofactor(M) is a multiple of that matrix.
    (a, b), (c, d) = covariance[:, 0].T, covariance[:, 1].T
    determinant = a * d - b * c
    nuclear = (covariance**2).sum(axis=(1, 2)) + 2 * jnp.abs(determinant)
    best = jnp.argmax(nuclear)
    cofactor = jnp.array([[d[best], -c[best]], [-b[best], a[best]]])
    nearest = covariance[best] + jnp.where(determinant[best] < 0, -1, 1) * cofactor
    return relabelled[best] @ (nearest / jnp.sqrt(nuclear[best]))


def couple(x0, x1, key):
    """Each pair aligned by itself."""
    del key
    return jax.vmap(aligned)(x0, x1)


LOSS = FlowMatchingLoss(couple=couple)
VALIDATION_LOSS = FlowMatchingLoss(couple=couple, num_pairs=4)


@eqx.filter_jit
def log_probs(flow, x):
    return jax.vmap(flow.log_prob)(x)


@eqx.filter_jit
def round_trips(flow, x):
    return jax.vmap(lambda x: flow.bijection.inverse(flow.bijection.forward(x)))(x)


def in_blocks(f, flow, x):
    return np.concatenate([f(flow, x[i : i + BLOCK]) for i in range(0, len(x), BLOCK)])


def moved(x):
    """Clouds relabelled, rotated, reflected and shifted at random."""
    rng = np.random.default_rng(3)
    clouds = []
    for cloud in x:
        q, _ = np.linalg.qr(rng.normal(size=(2, 2)))
        q[:, 0] *= rng.choice([-1, 1])
        clouds.append(cloud[rng.permutation(4)] @ q + rng.normal(size=2))
    return np.stack(clouds)


def precise(flow):
    """The same flow in double precision, its equation solved to 1e-7."""
    flow = jax.tree.map(
        lambda leaf: leaf.astype(np.float64) if eqx.is_inexact_array(leaf) else leaf, flow
    )
    return eqx.tree_at(lambda flow: flow.bijection.tolerance, flow, Tolerance(0.0, 1e-7))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seconds", type=float, help="train at most this long")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--ema-decay", type=float, default=0.998)
    parser.add_argument("--weight-decay", type=float, default=0.0)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--split", default="test", choices=["val", "test"])
    parser.add_argument("--points", type=int, default=10_000, help="held-out clouds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--tolerance", type=float, default=1e-4, help="of the solver, in units of sd"
    )
    parser.add_argument("--checkpoint", type=Path, help="to go on from, and to judge twice")
    parser.add_argument("--append", help="add the results to this file, one JSON object per line")
    arguments = parser.parse_args()

    rows = clouds("train")[: arguments.rows]
    scale = float(np.sqrt((rows**2).sum() / (len(rows) * SUBSPACE)))
    held_out = clouds("val")[:1000] / scale
    judged = clouds(arguments.split)[: arguments.points] / scale

    architecture = EquivariantFlow(
        *SHAPE, width=arguments.width, num_layers=arguments.layers, atol=arguments.tolerance
    )
    key_flow, key_training = jr.split(jr.key(arguments.seed))
    flow = architecture.build(key=key_flow)
    config = TrainingConfig(
        batch_size=arguments.batch_size,
        learning_rate=arguments.learning_rate,
        max_epochs=arguments.epochs,
        max_seconds=arguments.seconds,
        ema_decay=arguments.ema_decay,
        weight_decay=arguments.weight_decay,
        clip_norm=1.0,
        patience=None,
    )
    result = train(
        flow,
        LOSS,
        (jnp.asarray(rows / scale), None),
        (jnp.asarray(held_out), None),
        key=key_training,
        config=config,
        validation_loss=VALIDATION_LOSS,
        checkpoint=arguments.checkpoint,
        mesh=shared_mesh(arguments.batch_size),
    )
    flow = result.model
    started = time.perf_counter()
    # The density of the cloud itself is that of the scaled one over scale^6.
    nll = -in_blocks(log_probs, flow, judged) + SUBSPACE * np.log(scale)
    density_seconds = time.perf_counter() - started
    print(f"{nll.mean():.3f} nats", file=sys.stderr, flush=True)
    some = judged[:NUM_CERTIFIED]
    trip = np.asarray(round_trips(flow, some))
    with jax.enable_x64(True):
        in_double, exact = precise(flow), some.astype(np.float64)
        trip_in_double = np.asarray(round_trips(in_double, exact))
        change = log_probs(in_double, moved(exact)) - log_probs(in_double, exact)
    report = {
        "rows": len(rows),
        "split": arguments.split,
        "negative_log_likelihood": float(nll.mean()),
        "standard_error": float(nll.std(ddof=1) / np.sqrt(len(nll))),
        "points": len(nll),
        "num_parameters": sum(
            leaf.size for leaf in jax.tree.leaves(eqx.filter(flow, eqx.is_inexact_array))
        ),
        "round_trip_error": float(np.abs(trip - some).max() * scale),
        "round_trip_error_double": float(np.abs(trip_in_double - exact).max() * scale),
        "largest_change_under_symmetries_double": float(np.abs(change).max()),
        "train_seconds": round(result.seconds, 1),
        "epochs": len(result.history),
        "best_epoch": result.best_epoch,
        "density_seconds": round(density_seconds, 1),
        "seed": arguments.seed,
        **described(" ".join(["python", "benchmarks/double_well.py", *sys.argv[1:]])),
    }
    print(json.dumps(report), flush=True)
    if arguments.append:
        with Path(arguments.append).open("a", encoding="utf-8") as file:
            file.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
