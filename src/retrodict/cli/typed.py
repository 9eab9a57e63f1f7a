"""The words of the command that is being carried out, for the record of a run."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

_ONLY_THIS_ONCE = {"--force", "--resume"}
_words: ContextVar[tuple[str, ...]] = ContextVar("words", default=())


@contextmanager
def typed(words: Sequence[str]) -> Iterator[None]:
    """Inside, `command` is about these words."""
    token = _words.set(tuple(words))
    try:
        yield
    finally:
        _words.reset(token)


def command() -> str:
    """What repeats the run: the words as typed, without what only concerns this once."""
    kept = [word for word in _words.get() if word not in _ONLY_THIS_ONCE]
    return shlex.join(["retrodict", *kept])
