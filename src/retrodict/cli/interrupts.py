"""Ctrl-C that is never lost."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SECONDS_UNTIL_AGAIN = 0.05


@contextmanager
def reliable_interrupts() -> Iterator[None]:
    """Inside, Ctrl-C raises KeyboardInterrupt even where Python would ignore it.

    JAX runs a callback at each garbage collection, and what is raised in one Python only
    prints. A Ctrl-C that meets such a moment is therefore repeated a little later.
    """

    def handle(signum: int, frame: FrameType | None) -> None:
        if _is_in_callback(frame):
            threading.Timer(_SECONDS_UNTIL_AGAIN, signal.raise_signal, [signum]).start()
            return
        raise KeyboardInterrupt

    with _handled_by(handle):
        yield


@contextmanager
def postponed_interrupts() -> Iterator[None]:
    """Inside, Ctrl-C waits, so that what is being written becomes complete."""
    pressed = []

    def handle(signum: int, frame: FrameType | None) -> None:
        del frame
        pressed.append(signum)

    with _handled_by(handle):
        yield
    if pressed:
        raise KeyboardInterrupt


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    previous = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    # A process that was started to ignore Ctrl-C goes on ignoring it.
    if not is_main or previous is None or previous is signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _is_in_callback(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name == "_xla_gc_callback":
            return True
        frame = frame.f_back
    return False
