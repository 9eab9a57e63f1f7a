"""Ctrl-C that is never lost."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_SECONDS_UNTIL_AGAIN = 0.05


@contextmanager
def reliable_interrupts() -> Iterator[None]:
    """Inside, Ctrl-C raises KeyboardInterrupt even where Python would ignore it.

    What is raised in a callback of the garbage collector (JAX has one) or of a weak reference
    is printed and forgotten. A Ctrl-C that meets such a moment is repeated a little later.
    """
    previous = sys.unraisablehook

    def hook(ignored: "UnraisableHookArgs") -> None:
        if issubclass(ignored.exc_type, KeyboardInterrupt):
            again = threading.Timer(_SECONDS_UNTIL_AGAIN, signal.raise_signal, [signal.SIGINT])
            again.start()
        else:
            previous(ignored)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = previous


@contextmanager
def postponed_interrupts() -> Iterator[None]:
    """Inside, Ctrl-C waits, so that what is being written becomes complete."""
    previous = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    # A process that was started to ignore Ctrl-C goes on ignoring it.
    if not is_main or previous is None or previous is signal.SIG_IGN:
        yield
        return
    pressed = []

    def handle(signum: int, frame: FrameType | None) -> None:
        del frame
        pressed.append(signum)

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
    if pressed:
        raise KeyboardInterrupt
