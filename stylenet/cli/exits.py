"""How commands end: exit codes, and errors as one line."""

import sys
from argparse import ArgumentError
from collections.abc import Callable

from stylenet.errors import InputError

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def guarded(command: Callable[[], int]) -> int:
    """Return a command's exit code; bad input is one line on standard error and exit code 2, Ctrl-C is 130."""
    try:
        return command()
    except (InputError, ArgumentError) as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def one_line(message: str) -> str:
    """Return a message with its line breaks and indents as single spaces."""
    return " ".join(message.split())
