"""A trained solver as plain values and arrays, and back."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from retrodict.flows import get_architecture
from retrodict.networks import AbstractRecipe
from retrodict.solvers.scaling import Scaling
from retrodict.solvers.sequential import OneObservation
from retrodict.solvers.training_observations import TrainingObservations
from retrodict.training import Outcome
from retrodict.variables import Variable, names_of

if TYPE_CHECKING:
    from retrodict.solvers.trained import AbstractTrainedSolver


def to_state(solver: "AbstractTrainedSolver") -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Everything that a fitted solver has learned and chosen."""
    scaling, arrays = solver._scaling.to_state()
    leaves = jax.tree.leaves(eqx.filter(solver._model, eqx.is_array))
    arrays |= solver._training_observations.to_arrays()
    arrays |= {f"flow.{i}": np.asarray(leaf) for i, leaf in enumerate(leaves)}
    hyperparameters = {
        name: _described(value) if isinstance(value, AbstractRecipe) else value
        for name, value in solver.get_params(deep=False).items()
    }
    state = {
        "hyperparameters": hyperparameters,
        "architecture": _described(solver._architecture),
        "parameters": [asdict(variable) for variable in solver.parameters_],
        "observables": [asdict(variable) for variable in solver.observables_],
        "scaling": scaling,
        "history": solver.history_.astype(object)
        .where(solver.history_.notna(), None)
        .to_dict("list"),
        "outcome": solver.outcome_.value,
        "num_rows": solver.num_rows_,
        "num_diverged": solver.num_diverged_,
        "one_observation": solver._one_observation and solver._one_observation.to_state(),
        "data_sha256": solver.data_sha256_,
    }
    return state, arrays


def from_state(
    kind: "type[AbstractTrainedSolver]", state: dict[str, Any], arrays: dict[str, np.ndarray]
) -> Any:
    """The fitted solver that `to_state` described."""
    import pandas as pd

    hyperparameters = {
        name: get_architecture(**value) if isinstance(value, dict) else value
        for name, value in state["hyperparameters"].items()
    }
    solver = kind(**hyperparameters)
    solver.parameters_ = tuple(Variable(**variable) for variable in state["parameters"])
    solver.observables_ = tuple(Variable(**variable) for variable in state["observables"])
    solver.history_ = pd.DataFrame(state["history"]).astype({"training_loss": float})
    solver.outcome_ = Outcome(state["outcome"])
    solver.num_rows_ = state["num_rows"]
    # Older bundles do not say: until then, a fit with any was refused.
    solver.num_diverged_ = state.get("num_diverged", 0)
    solver._one_observation = OneObservation.from_state(state.get("one_observation"))
    solver.data_sha256_ = state["data_sha256"]
    solver.n_features_in_ = len(solver.observables_)
    solver._architecture = kind._restored_architecture(state["architecture"])
    solver._scaling = Scaling.from_state(state["scaling"], arrays)
    solver._training_observations = TrainingObservations.from_arrays(
        arrays, names_of(solver.observables_)
    )
    skeleton = solver._build(jax.random.key(0))
    leaves, treedef = jax.tree.flatten(eqx.filter(skeleton, eqx.is_array))
    loaded = [jnp.asarray(arrays[f"flow.{i}"]) for i in range(len(leaves))]
    weights = jax.tree.unflatten(treedef, loaded)
    solver._model = eqx.combine(weights, eqx.filter(skeleton, eqx.is_array, inverse=True))
    return solver


def _described(architecture: AbstractRecipe) -> dict[str, Any]:
    return {"name": architecture.name, **asdict(architecture)}
