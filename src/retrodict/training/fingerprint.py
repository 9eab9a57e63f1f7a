"""What makes two training runs the same run."""

import dataclasses
import hashlib
import json
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree

from retrodict.training.config import TrainingConfig
from retrodict.typing import Key

# They decide how long or in which portions, not what is computed: a run that ran out of time
# may go on with more of it.
_WITHOUT_EFFECT = ("max_seconds", "steps_per_call")

Fingerprint = dict[str, str]


def fingerprint(
    *,
    config: TrainingConfig,
    steps_per_epoch: int,
    model: PyTree,
    data: PyTree,
    validation_data: PyTree,
    key: Key,
) -> Fingerprint:
    """One hash for each thing that decides the result, so that a difference can be named.

    Functions (loss, augmentation, simulator) have no dependable hash and are left out.
    """
    settings = {
        name: value
        for name, value in dataclasses.asdict(config).items()
        if name not in _WITHOUT_EFFECT
    }
    settings["steps_per_epoch"] = steps_per_epoch
    return {
        "settings": _digest(json.dumps(settings, sort_keys=True).encode()),
        "model": _tree_digest(model),
        "training data": _tree_digest(data),
        "held-out data": _tree_digest(validation_data),
        "key": _tree_digest(key),
    }


def _tree_digest(tree: PyTree) -> str:
    parts: list[Any] = []
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(tree, eqx.is_array))
    for path, leaf in leaves:
        # Paths name the structure; unlike its repr they hold no memory addresses.
        array = _numpy(leaf)
        parts.append(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
        parts.append(np.ascontiguousarray(array).data)
    return _digest(*parts)


def _numpy(leaf: jax.Array | np.ndarray) -> np.ndarray:
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return np.asarray(jax.random.key_data(leaf))
    return np.asarray(leaf)


def _digest(*parts: Any) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
