"""Training: one loop that knows pytrees and losses, no architecture."""

from retrodict.training.checkpoint import remove_checkpoint
from retrodict.training.config import TrainingConfig
from retrodict.training.loop import train, train_online
from retrodict.training.progress import Progress, SilentProgress
from retrodict.training.result import EpochRecord, Outcome, TrainingResult

__all__ = [
    "EpochRecord",
    "Outcome",
    "Progress",
    "SilentProgress",
    "TrainingConfig",
    "TrainingResult",
    "remove_checkpoint",
    "train",
    "train_online",
]
