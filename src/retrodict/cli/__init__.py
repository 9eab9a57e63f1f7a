"""The command line: a command loads, computes and renders; its exit code is the answer."""

from collections.abc import Sequence

EXIT_INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what the installed script calls.

    Args:
        arguments: as typed after `retrodict`; those of the process by default.
    """
    try:
        # Imported here, because Ctrl-C may come while Python is still loading.
        from retrodict.cli.app import main

        return main(arguments)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
