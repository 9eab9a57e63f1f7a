"""The `retrodict` command: its parts, and what happens when something goes wrong."""

import inspect
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from retrodict import __version__
from retrodict.cli import (
    EXIT_INTERRUPTED,
    bench,
    check,
    compare,
    compilation_cache,
    curve,
    embed,
    fit,
    problems,
    report,
    run,
    sample,
)
from retrodict.cli.console import (
    ReaderGoneError,
    answer,
    say,
    show_error,
    show_retrodict_error,
    warnings_for_people,
)
from retrodict.cli.interrupts import reliable_interrupts
from retrodict.cli.typed import typed
from retrodict.errors import RetrodictError

EXIT_NO_ANSWER = 2  # a mistake of the user, or nothing can be said
EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE

app = typer.Typer(
    name="retrodict",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(wanted: bool) -> bool:
    if wanted:
        answer(f"retrodict {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def retrodict(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """From an observed effect to every cause that could have produced it."""


def _help_of(command: Callable[..., None]) -> str:
    r"""The docstring as help text; its examples keep their lines (Click's mark is `\b`)."""
    text = inspect.cleandoc(command.__doc__ or "")
    return text.replace("Examples:\n", "\b\nExamples:\n")


_COMMANDS: dict[str, Callable[..., None]] = {
    "problems": problems.problems,
    "run": run.run,
    "fit": fit.fit,
    "embed": embed.embed,
    "sample": sample.sample,
    "check": check.check,
    "report": report.report,
    "compare": compare.compare,
    "curve": curve.curve,
    "bench": bench.bench,
}
for _name, _command in _COMMANDS.items():
    app.command(_name, help=_help_of(_command))(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code.

    Args:
        arguments: as typed after `retrodict`; those of the process by default.

    Returns:
        0 for success, 1 for an answer in the negative, 2 where there is no answer, as after
        a mistake of the user, 130 after Ctrl-C.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    compilation_cache.turn_on()
    with typed(arguments), warnings_for_people(), reliable_interrupts():
        try:
            code = app(args=arguments, prog_name="retrodict", standalone_mode=False)
        except typer.TyperException as error:
            context = getattr(error, "ctx", None)
            path = context.command_path if context else "retrodict"
            show_error(error.format_message(), f"`{path} --help` shows what it takes.")
            return EXIT_NO_ANSWER
        except RetrodictError as error:
            show_retrodict_error(error)
            return EXIT_NO_ANSWER
        except (KeyboardInterrupt, typer.Abort):
            say("interrupted")
            return EXIT_INTERRUPTED
        except ReaderGoneError:
            # The reader has gone, as in `retrodict sample ... | head`. Python would complain
            # once more when it flushes stdout at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return EXIT_BROKEN_PIPE
        except Exception:
            # The traceback is kept, because this is a bug; the exit code is not 1, because that
            # is the answer "no" of `check`.
            traceback.print_exc()
            show_error("retrodict itself failed.", "Please report it, with the lines above.")
            return EXIT_NO_ANSWER
    return code if isinstance(code, int) else 0
