"""How long, how fast and how carefully to train."""

import math
from dataclasses import dataclass

from retrodict.errors import ConfigurationError


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of the training loop.

    Attributes:
        batch_size: rows per step; all rows where there are fewer.
        learning_rate: peak of the schedule.
        max_epochs: passes over the data, unless training stops earlier; also the length of
            the schedule.
        max_steps: steps in all, for training that may end inside an epoch; `max_epochs` then
            does not count, neither for the end nor for the schedule.
        max_seconds: wall-clock budget, compilation and resumed runs included.
        anneal_by_time: the schedule follows the share of `max_seconds` that has passed, at the
            pace that is measured, so that training ends at the low learning rate on any
            machine; neither `max_epochs` nor `max_steps` counts. How many steps there are, and
            with them the result, then depends on the machine.
        warmup_fraction: share of all steps over which the learning rate rises linearly.
        final_learning_rate_fraction: of the peak, reached by a cosine at the last step.
        weight_decay: decoupled, multiplied by the learning rate (AdamW).
        betas: decay rates of Adam's first and second moment.
        clip_norm: largest global norm of a gradient; longer ones are shortened to it.
        patience: epochs without improvement of the held-out loss before stopping; None
            trains to the end.
        keep_last: return the parameters of the end instead of those with the least held-out
            loss: where that loss is an estimate of what is minimised, and choosing by it would
            favour where its random numbers happen to be kind.
        ema_decay: keep an exponential moving average of the parameters with this decay,
            corrected for its start; it is then what is validated and returned.
        max_bad_steps: consecutive steps with a non-finite loss or gradient that are skipped
            before giving up.
        steps_per_call: most steps between two looks of the host at the device. The result
            does not depend on it.
        validation_batch_size: most held-out rows evaluated at once.
    """

    batch_size: int = 512
    learning_rate: float = 1e-3
    max_epochs: int = 100
    max_steps: int | None = None
    max_seconds: float | None = None
    anneal_by_time: bool = False
    warmup_fraction: float = 0.05
    final_learning_rate_fraction: float = 0.01
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    clip_norm: float = 5.0
    patience: int | None = 20
    keep_last: bool = False
    ema_decay: float | None = None
    max_bad_steps: int = 50
    steps_per_call: int = 500
    validation_batch_size: int = 2048

    def __post_init__(self) -> None:
        for name in (
            "batch_size",
            "max_epochs",
            "max_bad_steps",
            "steps_per_call",
            "validation_batch_size",
        ):
            _require(self, name, "a whole number of at least 1", _is_count(getattr(self, name)))
        for name in ("patience", "max_steps"):
            value = getattr(self, name)
            holds = value is None or _is_count(value)
            _require(self, name, "None or a whole number of at least 1", holds)
        _require(self, "learning_rate", "positive and finite", 0 < self.learning_rate < math.inf)
        _require(
            self,
            "max_seconds",
            "None or positive",
            self.max_seconds is None or self.max_seconds > 0,
        )
        _require(
            self,
            "anneal_by_time",
            "False without `max_seconds`",
            not self.anneal_by_time or self.max_seconds is not None,
        )
        _require(self, "warmup_fraction", "between 0 and 1", 0 <= self.warmup_fraction <= 1)
        _require(
            self,
            "final_learning_rate_fraction",
            "between 0 and 1",
            0 <= self.final_learning_rate_fraction <= 1,
        )
        _require(self, "weight_decay", "finite and at least 0", 0 <= self.weight_decay < math.inf)
        _require(
            self,
            "betas",
            "two numbers of at least 0 and below 1",
            len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas),
        )
        # An infinite norm is how a user switches clipping off.
        _require(self, "clip_norm", "positive", self.clip_norm > 0)
        _require(
            self,
            "ema_decay",
            "None or between 0 and 1, both excluded",
            self.ema_decay is None or 0 < self.ema_decay < 1,
        )

    def num_steps(self, steps_per_epoch: int) -> int | None:
        """Steps of the whole schedule; None where time decides."""
        if self.anneal_by_time:
            return None
        return self.max_steps or self.max_epochs * steps_per_epoch


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _require(config: TrainingConfig, name: str, expected: str, holds: bool) -> None:
    if not holds:
        raise ConfigurationError(
            f"`{name}` has to be {expected}; got {getattr(config, name)!r}.",
            f"Pass another `{name}` to `TrainingConfig`.",
        )
