"""How commands end: exit codes, errors as one line, Ctrl-C and other signals."""

import ctypes
import os
import signal
import sys
from argparse import ArgumentError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from stylenet.errors import Failed, InputError, one_line

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
PR_SET_PDEATHSIG = 1
"""Of Linux's prctl: the signal that a process gets when its parent ends."""


class Stopped(KeyboardInterrupt):
    """A signal that asks the process to end; code that cleans up after Ctrl-C does so after it.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def raise_on_signals(*numbers: int) -> None:
    """Have these signals, and SIGTERM and SIGHUP, raise `Stopped`; those that the shell has had ignored do not."""
    for number in (signal.SIGTERM, signal.SIGHUP, *numbers):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _stop)


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped(number)


def end_with_launcher() -> None:
    """Have this process of a distributed training get SIGTERM when the one that started it is gone; Linux alone can."""
    if "LOCAL_RANK" in os.environ and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def guarded(command: Callable[[], int]) -> int:
    """Return a command's exit code.

    Bad input is one line on standard error and exit code 2, work that failed the same and 1; Ctrl-C is 130, and other
    signals are 128 and their number. Afterwards signals end the process as they do by default: raised while Python
    cleans up, they would be shown as tracebacks.
    """
    try:
        return command()
    except (InputError, ArgumentError, Failed) as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return FAILED if isinstance(error, Failed) else BAD_INPUT
    except BrokenPipeError:  # of `| head`: whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains as it ends
        return 128 + signal.SIGPIPE
    except OSError as error:  # a name that is too long, a folder that went away: no command foresees them all
        place = f": {str(error.filename)[:100]}" if error.filename else ""
        print(f"error: {one_line(error.strerror or str(error))}{place}", file=sys.stderr)
        return BAD_INPUT
    except (KeyboardInterrupt, SystemExit) as error:
        number = signal_behind(error)
        if not number:
            raise
        print("interrupted", file=sys.stderr)
        return 128 + number
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            if signal.getsignal(number) is _stop:
                signal.signal(number, signal.SIG_DFL)


def signal_behind(error: BaseException) -> int:
    """Return the number of the signal that led to an error, 0 for none; Lightning ends Ctrl-C by SystemExit."""
    cause = error.__context__ if isinstance(error, SystemExit) else error
    if isinstance(cause, Stopped):
        return cause.number
    return signal.SIGINT if isinstance(cause, KeyboardInterrupt) else 0


@contextmanager
def stop_when_asked() -> Iterator[list[int]]:
    """Collect the first Ctrl-C or SIGTERM in a list, for the loop to look at; a second one interrupts at once."""
    asked: list[int] = []
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, _: FrameType | None) -> None:
        asked.append(number)
        for number, handler in previous.items():
            signal.signal(number, handler)

    for number in previous:
        signal.signal(number, note)
    try:
        yield asked
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
