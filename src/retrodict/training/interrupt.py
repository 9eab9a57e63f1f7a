"""Ctrl-C as a request to stop, not as an explosion."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Interrupt:
    """Whether somebody pressed Ctrl-C."""

    def __init__(self) -> None:
        self.requested = False

    def handle(self, _signum: int, _frame: FrameType | None) -> None:
        """Notes the first Ctrl-C; the second stops at once."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


@contextlib.contextmanager
def deferred_interrupt() -> Iterator[Interrupt]:
    """Within it, the first Ctrl-C is noted and a second one raises KeyboardInterrupt.

    Python delivers signals to the main thread only; elsewhere nothing is changed. A process
    that ignores Ctrl-C (started in the background) goes on ignoring it.
    """
    interrupt = Interrupt()
    previous = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or previous is None or previous is signal.SIG_IGN:
        yield interrupt
        return
    signal.signal(signal.SIGINT, interrupt.handle)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, previous)
