import math

import pytest

from retrodict.errors import ConfigurationError
from retrodict.training import TrainingConfig


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0),
        ("batch_size", True),
        ("max_epochs", 0),
        ("max_bad_steps", 0),
        ("steps_per_call", 0),
        ("validation_batch_size", -1),
        ("patience", 0),
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("max_seconds", 0.0),
        ("warmup_fraction", 1.1),
        ("warmup_fraction", math.nan),
        ("final_learning_rate_fraction", -0.1),
        ("weight_decay", -1e-3),
        ("weight_decay", math.inf),
        ("betas", (0.9, 1.0)),
        ("clip_norm", 0.0),
        ("ema_decay", 1.0),
        ("ema_decay", 0.0),
    ],
)
def test_a_setting_without_meaning_is_named(name, value):
    with pytest.raises(ConfigurationError, match=f"`{name}`.*got"):
        TrainingConfig(**{name: value})


def test_optional_settings_can_be_switched_off():
    config = TrainingConfig(patience=None, max_seconds=None, ema_decay=None, clip_norm=math.inf)
    assert config.patience is None
