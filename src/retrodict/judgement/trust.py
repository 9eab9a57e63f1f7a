"""The three answers to "can I believe this?"."""

import enum


class Trust(enum.Enum):
    """How far posteriors can be believed."""

    YES = "trust"
    WITH_REPAIR = "trust with repair"
    NO = "do not trust"
