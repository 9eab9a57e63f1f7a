"""Which kinds of estimator can be saved, and where their classes live."""

import importlib
from typing import Any, Protocol

import numpy as np

from retrodict.errors import CapabilityError


class Saveable(Protocol):
    """What a class must have to be saved: its state as plain values and arrays, and back."""

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Everything learned and chosen: a JSON-able dict (infinities allowed), and arrays."""
        ...

    @classmethod
    def from_state(cls, config: dict[str, Any], arrays: dict[str, np.ndarray]) -> Any:
        """The estimator that `to_state` described."""
        ...


# Classes are named, not imported: loading a bundle imports only the class it needs.
_KINDS: dict[str, str] = {
    "Autoencoder": "retrodict.variational:Autoencoder",
    "BayesianClassifier": "retrodict.variational:BayesianClassifier",
    "BayesianRegressor": "retrodict.variational:BayesianRegressor",
    "ConditionalFlow": "retrodict.solvers:ConditionalFlow",
    "ConditionalVAE": "retrodict.solvers:ConditionalVAE",
    "Ensemble": "retrodict.solvers:Ensemble",
    "FlowMatching": "retrodict.solvers:FlowMatching",
    "MixtureDensityNetwork": "retrodict.solvers:MixtureDensityNetwork",
    "GradientInversion": "retrodict.solvers:GradientInversion",
    "RejectionABC": "retrodict.solvers:RejectionABC",
    "InvertibleNetwork": "retrodict.solvers:InvertibleNetwork",
    "RunRepair": "retrodict.cli.repaired:RunRepair",
    "VariationalAutoencoder": "retrodict.variational:VariationalAutoencoder",
}


def register(kind: str, location: str) -> None:
    """Let bundles hold estimators of another class.

    Args:
        kind: the class's name, as written to `config.json`.
        location: `package.module:Class`.

    Raises:
        CapabilityError: the kind is taken by another class.
    """
    if _KINDS.setdefault(kind, location) != location:
        raise CapabilityError(
            f"The kind `{kind}` is already registered for {_KINDS[kind]}; got {location}.",
            "Give the class another name.",
        )


def is_registered(kind: str) -> bool:
    """Whether bundles of this kind can be loaded."""
    return kind in _KINDS


def class_of(kind: str) -> Any:
    """The class registered for `kind`, imported now."""
    module, _, name = _KINDS[kind].partition(":")
    return getattr(importlib.import_module(module), name)


def kind_of(estimator: Any) -> str:
    """The kind under which the class of `estimator` is registered.

    Raises:
        CapabilityError: its class is not registered; a subclass is not its parent.
    """
    kind = type(estimator).__name__
    if not is_registered(kind) or class_of(kind) is not type(estimator):
        raise CapabilityError(
            f"Only {', '.join(sorted(_KINDS))} can be saved; got {type(estimator).__qualname__}.",
            "Register the class with `retrodict.bundle.register` if it has `to_state` and "
            "`from_state`.",
        )
    return kind
