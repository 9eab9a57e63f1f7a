"""Losses that change while they train."""

import abc
from collections.abc import Callable

import equinox as eqx
from jaxtyping import PyTree

from retrodict.typing import Key, Scalar


class AbstractScheduledLoss(eqx.Module):
    """A loss that knows how far training has come.

    Training takes `at(progress)`; called itself it is the loss that held-out rows are judged by,
    the same in every epoch.
    """

    @abc.abstractmethod
    def __call__(self, model: PyTree, batch: PyTree, key: Key) -> Scalar:
        """The loss on a batch at the end of training."""

    @abc.abstractmethod
    def at(self, progress: Scalar) -> Callable[[PyTree, PyTree, Key], Scalar]:
        """The loss after that share of all steps, between 0 and 1."""
