"""What people read goes to stderr; stdout carries answers only."""

import json
import math
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console

from retrodict.errors import RetrodictError, RetrodictWarning


def stderr_console() -> Console:
    """A console on stderr, without colour where that is no terminal or NO_COLOR is set."""
    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def say(message: str) -> None:
    """One line for people."""
    stderr_console().print(message)


def show_error(message: str, hint: str = "") -> None:
    """`error: ...` and, after a blank line, `hint: ...`."""
    console = stderr_console()
    console.print("error:", style="bold red", end=" ")
    console.print(_on_one_line(message))
    if hint:
        console.print()
        console.print("hint:", style="bold cyan", end=" ")
        console.print(_on_one_line(hint))


def show_retrodict_error(error: RetrodictError) -> None:
    """An error raised on purpose, without its traceback."""
    show_error(error.message, error.hint)


@contextmanager
def warnings_for_people() -> Iterator[None]:
    """Inside, a warning of this package is one line on stderr, without a place in the source."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if not issubclass(category, RetrodictWarning):
            standard(message, category, filename, lineno, file, line)
            return
        console = stderr_console()
        console.print("warning:", style="bold yellow", end=" ")
        console.print(_on_one_line(str(message)))

    with warnings.catch_warnings():
        warnings.simplefilter("always", RetrodictWarning)
        # A compiled program that was half written when a run was killed is compiled anew.
        warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache")
        standard = warnings.showwarning
        warnings.showwarning = show
        yield


class ReaderGoneError(Exception):
    """Nobody reads stdout any more, as in `retrodict sample ... | head`."""


def answer(text: str) -> None:
    """An answer on stdout.

    Raises:
        ReaderGoneError: the pipe was closed at its other end.
    """
    try:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
    except BrokenPipeError as error:
        # Not passed on as it is: Typer would exit with 1, which is an answer of `check`.
        raise ReaderGoneError from error


def answer_json(value: Any) -> None:
    """An answer on stdout, as JSON."""
    answer(to_json(value))


def to_json(value: Any) -> str:
    """Readable JSON; numbers that JSON cannot write (NaN, infinity) become null."""
    return json.dumps(_plain(value), indent=2, allow_nan=False)


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of text with aligned columns."""
    lines = [list(header), *[list(row) for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _on_one_line(message: str) -> str:
    return " ".join(message.split())


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str | int | float | bool | None):
        return value
    if callable(getattr(value, "tolist", None)):  # NumPy and JAX arrays and scalars
        return _plain(value.tolist())
    return str(value)
