"""How large a flow, and how long to train it, for a number of training rows.

One rule for all problems; `benchmarks/defaults.py` compares it with others.
"""

from dataclasses import replace
from typing import Any

from retrodict.flows import (
    ARCHITECTURES,
    AbstractArchitecture,
    SplineCoupling,
    get_architecture,
)
from retrodict.training import TrainingConfig

_FEW, _MANY = 3_000, 30_000


def default_flow(name: str, num_rows: int) -> AbstractArchitecture:
    """The flow of that name, as wide as the rows can determine without being learned by heart.

    Where its networks are of ReLUs by default, half of the units become GELUs: causes that
    follow smoothly from effects are learned from fewer rows, others from no more.
    """
    settings: dict[str, Any] = {"width": _by_rows(num_rows, 64, 64, 128)}
    if name == SplineCoupling.name:
        # Splines bend enough for few of them to do, and steps are the cheaper for it.
        settings["num_layers"] = 5
    if getattr(ARCHITECTURES.get(name), "activation", None) == "relu":
        settings["activation"] = "relu-gelu"
    return get_architecture(name, **settings)


def default_flow_members(num_rows: int) -> int:
    """How many flows: the fewer rows, the more they differ, and the less each of them costs.

    Even numbers, which two cores share out evenly.
    """
    return _by_rows(num_rows, 6, 4, 2)


def default_training(num_rows: int, **given: Any) -> TrainingConfig:
    """Training settings for that many rows, with what the user has given in their place.

    Few rows are seen at most 200 times and with a weight decay inverse to their number, as a
    prior on the weights has it; without, the flow learns them by heart. Small batches and a large
    learning rate are themselves a regularisation; a moving average of the weights allows for
    them. Training ends early only where half of the epochs, and at least 20, have made nothing
    better.
    """
    num_steps = _by_rows(num_rows, 4_000, 3_500, 22_000)
    settings: dict[str, Any] = {"weight_decay": min(0.5, 500 / num_rows)}
    if num_rows < _FEW:
        settings |= {"learning_rate": 2e-2, "ema_decay": 0.99}
    elif num_rows < _MANY:
        settings |= {"learning_rate": 1e-2, "ema_decay": 0.995}
    else:
        settings |= {"learning_rate": 1e-2, "ema_decay": 0.999}
    given["batch_size"] = given.get("batch_size") or _by_rows(num_rows, 64, 128, 256)
    config = _training(num_rows, num_steps, given, most_epochs=200, **settings)
    if config.patience is not None:
        return config
    # Where the scaling alone solves a problem, nothing that follows is better.
    return replace(config, patience=max(20, config.max_epochs // 2))


def default_velocity_settings(num_rows: int) -> dict[str, Any]:
    """Width of the velocity of a continuous flow, by the same reasoning, and its tolerance.

    A smaller tolerance changes no draw by more than the error of the velocity itself.
    """
    return {"width": _by_rows(num_rows, 64, 128, 128), "rtol": 1e-4, "atol": 1e-4}


def default_flow_matching(num_rows: int, **given: Any) -> TrainingConfig:
    """Training settings for flow matching, with what the user has given in their place.

    The target is noisy even at the optimum: a moving average of the weights and more steps than
    maximum likelihood takes.
    """
    num_steps = _by_rows(num_rows, 4_000, 8_000, 16_000)
    return _training(num_rows, num_steps, given, learning_rate=5e-3, ema_decay=0.999)


def default_mixture_settings(num_rows: int) -> dict[str, Any]:
    """Components and width of a mixture density network, by the same reasoning."""
    return {
        "num_components": _by_rows(num_rows, 8, 20, 50),
        "width": _by_rows(num_rows, 64, 128, 192),
    }


def default_mixture_training(num_rows: int, **given: Any) -> TrainingConfig:
    """Training settings for a mixture density network, with what the user has given instead.

    Components specialise slowly: many steps.
    """
    num_steps = _by_rows(num_rows, 2_000, 4_000, 9_000)
    return _training(num_rows, num_steps, given, learning_rate=3e-3)


def default_autoencoder_settings(num_rows: int) -> dict[str, Any]:
    """Width of the encoder and decoder of a conditional autoencoder."""
    return {"width": _by_rows(num_rows, 64, 128, 128)}


def default_autoencoder_training(num_rows: int, **given: Any) -> TrainingConfig:
    """Training settings for a conditional autoencoder, with what the user has given instead.

    Without a moving average of the weights: encoder and decoder fit each other at every step,
    and their averages do not.
    """
    num_steps = _by_rows(num_rows, 4_000, 8_000, 10_000)
    return _training(num_rows, num_steps, given, learning_rate=5e-3)


def default_forward_settings(num_rows: int) -> dict[str, Any]:
    """Width of a network that predicts effects from causes."""
    return {"width": _by_rows(num_rows, 64, 64, 128)}


def default_forward_training(num_rows: int, **given: Any) -> TrainingConfig:
    """Training settings for a regression of effects on causes, with what the user has given."""
    num_steps = _by_rows(num_rows, 2_000, 4_000, 8_000)
    return _training(num_rows, num_steps, given, learning_rate=3e-3)


def default_bidirectional(num_rows: int, *, by_likelihood: bool, **given: Any) -> TrainingConfig:
    """Training settings for an invertible network, with what the user has given in their place.

    Batch, betas and decay are those published with the bidirectional losses (Ardizzone et al.
    2019), the learning rate is five times theirs; maximum likelihood takes the steps of any
    other flow.
    """
    if by_likelihood:
        return default_training(num_rows, **given)
    published = {"batch_size": 500, "learning_rate": 5e-3, "betas": (0.9, 0.95)}
    given = published | {name: value for name, value in given.items() if value is not None}
    settings = {"weight_decay": 1e-5} | given
    num_steps = _by_rows(num_rows, 4_000, 8_000, 12_000)
    return _training(num_rows, num_steps, settings)


def _training(
    num_rows: int,
    num_steps: int,
    given: dict[str, Any],
    *,
    most_epochs: int = 100,
    **settings: Any,
) -> TrainingConfig:
    batch_size = given.get("batch_size") or _by_rows(num_rows, 128, 256, 512)
    batch_size = min(batch_size, num_rows)
    steps_per_epoch = max(1, num_rows // batch_size)
    usual: dict[str, Any] = {
        "max_epochs": min(most_epochs, max(1, round(num_steps / steps_per_epoch))),
        "weight_decay": min(1.0, 1_000 / num_rows),
        "patience": None,
    }
    given = {name: value for name, value in given.items() if value is not None}
    return TrainingConfig(**(usual | settings | given | {"batch_size": batch_size}))


def _by_rows(num_rows: int, few: int, some: int, many: int) -> int:
    if num_rows < _FEW:
        return few
    return some if num_rows < _MANY else many
