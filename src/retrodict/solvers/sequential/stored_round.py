"""The simulations of one round on disk, from which a killed run goes on."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import numpy as np
from jaxtyping import Float

from retrodict.problems.base import AbstractProblem
from retrodict.solvers.sequential.truncated_prior import Proposals
from retrodict.training.checkpoint import load_checkpoint, save_checkpoint
from retrodict.training.fingerprint import Fingerprint

if TYPE_CHECKING:
    from retrodict.solvers.base import AbstractSolver

_NUM_PRIOR_DRAWS = 8


def save_round(
    path: Path, proposals: Proposals, y: Float[np.ndarray, "num cond"], run: Fingerprint
) -> None:
    """Keeps what was drawn and simulated; NaN of diverged simulations included.

    Raises:
        OutputNotWritableError: the file cannot be written.
    """
    notes = {
        name: value for name, value in vars(proposals).items() if not isinstance(value, np.ndarray)
    }
    save_checkpoint(path, {"x": proposals.x, "y": y}, notes, run)


def load_round(
    path: Path, num: int, dim: int, cond: int, run: Fingerprint
) -> tuple[Proposals, Float[np.ndarray, "num cond"]] | None:
    """What `save_round` kept; None where there is no file.

    Raises:
        CheckpointCorruptedError: the file is damaged.
        CheckpointMismatchError: it belongs to another run.
    """
    with jax.enable_x64(True):
        stored = load_checkpoint(path, {"x": np.empty((num, dim)), "y": np.empty((num, cond))}, run)
    if stored is None:
        return None
    arrays, notes = stored
    return Proposals(np.asarray(arrays["x"]), **notes), np.asarray(arrays["y"])


def run_fingerprint(
    solver: "AbstractSolver",
    problem: AbstractProblem,
    observation: Float[np.ndarray, " cond"],
    sizes: list[int],
    truncation: float,
) -> Fingerprint:
    """What has to be the same for a run to go on; a simulator has no dependable hash."""
    # Limits of time decide how long, not what is computed.
    settings = {
        name: str(value)
        for name, value in sorted(solver.get_params(deep=True).items())
        if not name.endswith("max_seconds")
    }
    prior = np.asarray(problem.sample_prior(jax.random.key(0), _NUM_PRIOR_DRAWS), float)
    named = f"{problem.name} {problem.parameters} {problem.observables}"
    return {
        "solver's settings": str(settings),
        "problem": _digest(named.encode() + prior.tobytes()),
        "observation": _digest(observation.tobytes()),
        "rounds": str(sizes),
        "truncation": repr(float(truncation)),
    }


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
