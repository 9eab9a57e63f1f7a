"""A trained network of one table as plain values and arrays, and back."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from retrodict.training import Outcome
from retrodict.variational.scale import Scale

if TYPE_CHECKING:
    from retrodict.variational.tabular import AbstractTabularNetwork


def to_state(
    estimator: "AbstractTabularNetwork",
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Everything that a fitted estimator has learned and chosen."""
    leaves = jax.tree.leaves(eqx.filter(estimator._model, eqx.is_array))
    arrays = {f"network.{i}": np.asarray(leaf) for i, leaf in enumerate(leaves)}
    arrays |= {"scale.centre": estimator._scale.centre, "scale.width": estimator._scale.width}
    arrays |= {name: getattr(estimator, name) for name in estimator._learned_arrays}
    names = getattr(estimator, "feature_names_in_", None)
    state = {
        "hyperparameters": {
            name: _plain(value) for name, value in estimator.get_params(deep=False).items()
        },
        # JSON has no tuples; what was one comes back as one.
        "tuples": [
            name
            for name, value in estimator.get_params(deep=False).items()
            if isinstance(value, tuple)
        ],
        "num_features": estimator.n_features_in_,
        "feature_names": None if names is None else [str(name) for name in names],
        "history": estimator.history_.astype(object)
        .where(estimator.history_.notna(), None)
        .to_dict("list"),
        "outcome": estimator.outcome_.value,
        "num_rows": estimator.num_rows_,
        "parts": {
            name: None if getattr(estimator, name) is None else getattr(estimator, name).to_state()
            for name in estimator._learned_parts
        },
    }
    return state, arrays


def _plain(setting: Any) -> Any:
    if isinstance(setting, Mapping):
        return {name: _plain(value) for name, value in setting.items()}
    return list(setting) if isinstance(setting, tuple | np.ndarray | pd.Index) else setting


def from_state(
    kind: "type[AbstractTabularNetwork]", state: dict[str, Any], arrays: dict[str, np.ndarray]
) -> Any:
    """The fitted estimator that `to_state` described."""
    settings = {
        name: tuple(value) if name in state["tuples"] else value
        for name, value in state["hyperparameters"].items()
    }
    estimator = kind(**settings)
    estimator.n_features_in_ = state["num_features"]
    if state["feature_names"] is not None:
        estimator.feature_names_in_ = np.array(state["feature_names"], dtype=object)
    estimator.history_ = pd.DataFrame(state["history"]).astype({"training_loss": float})
    estimator.outcome_ = Outcome(state["outcome"])
    estimator.num_rows_ = state["num_rows"]
    estimator._scale = Scale(arrays["scale.centre"], arrays["scale.width"])
    for name in estimator._learned_arrays:
        setattr(estimator, name, arrays[name])
    for name, part in estimator._learned_parts.items():
        described = state.get("parts", {}).get(name)
        setattr(estimator, name, None if described is None else part.from_state(described))
    skeleton = estimator._built(estimator.n_features_in_, jax.random.key(0))
    leaves, treedef = jax.tree.flatten(eqx.filter(skeleton, eqx.is_array))
    loaded = [jnp.asarray(arrays[f"network.{i}"]) for i in range(len(leaves))]
    weights = jax.tree.unflatten(treedef, loaded)
    estimator._model = eqx.combine(weights, eqx.filter(skeleton, eqx.is_array, inverse=True))
    return estimator
