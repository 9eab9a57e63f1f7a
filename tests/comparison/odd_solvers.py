"""Solvers that fail, each in its own way; in a module, so that another process finds them."""

import os

from retrodict.errors import CapabilityError
from retrodict.solvers.base import AbstractSolver


class Odd(AbstractSolver):
    """Never learns anything.

    Args:
        way: "refuses", "breaks" or "dies".
        random_state: not used.
    """

    def __init__(self, way="refuses", random_state=0):
        self.way = way
        self.random_state = random_state

    def _learn(self, x, y, progress, checkpoint):
        if self.way == "refuses":
            raise CapabilityError("This solver cannot do it.", "Take another.")
        if self.way == "dies":
            os._exit(3)
        raise ValueError("bad | luck\n<b>")

    # Asked of fitted solvers only, which this one never is.
    def _sampler(self, y):
        raise NotImplementedError

    def __sklearn_is_fitted__(self):
        return False
