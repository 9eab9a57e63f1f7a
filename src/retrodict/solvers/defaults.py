"""How large a flow, and how long to train it, for a number of training rows.

One rule for all problems; `benchmarks/defaults.py` holds the comparison that chose it.
"""

from typing import Any

from retrodict.training import TrainingConfig


def default_flow_settings(num_rows: int) -> dict[str, Any]:
    """Width of a coupling flow: what the rows can determine without being learned by heart."""
    return {"width": 64 if num_rows < 30_000 else 128}


def default_training(num_rows: int, **given: Any) -> TrainingConfig:
    """Training settings for that many rows, with what the user has given in their place."""
    batch_size = given.get("batch_size") or (256 if num_rows < 30_000 else 512)
    batch_size = min(batch_size, num_rows)
    steps_per_epoch = max(1, num_rows // batch_size)
    num_steps = 2_000 if num_rows < 30_000 else 8_000
    settings: dict[str, Any] = {
        "batch_size": batch_size,
        "max_epochs": min(400, max(1, round(num_steps / steps_per_epoch))),
        "learning_rate": 5e-3,
        "patience": None,
    }
    settings |= {name: value for name, value in given.items() if value is not None}
    return TrainingConfig(**settings)
