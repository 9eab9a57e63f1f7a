"""The smallest thing that can be saved."""

from retrodict.errors import NotFittedError


class FakeEstimator:
    """Holds what it is given; `from_state` undoes `to_state`."""

    def __init__(self, config=None, arrays=None):
        self.config = config
        self.arrays = arrays

    def to_state(self):
        if self.config is None:
            raise NotFittedError("Not fitted.", "Call `fit` first.")
        return self.config, self.arrays

    @classmethod
    def from_state(cls, config, arrays):
        return cls(config, arrays)
