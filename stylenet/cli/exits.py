"""How commands end: exit codes, errors as one line, and Ctrl-C."""

import signal
import sys
from argparse import ArgumentError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

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


@contextmanager
def stop_when_asked() -> Iterator[list[int]]:
    """Collect the first Ctrl-C in the list given, for the loop to look at; a second one interrupts at once."""
    asked: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    previous = signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, previous)
