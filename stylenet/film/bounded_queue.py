"""A short queue between two threads."""

import queue
from collections.abc import Iterator
from threading import Event
from typing import Generic, TypeVar

HELD = 4
"""Things that wait at most."""
PATIENCE = 0.1
"""Seconds after which whoever waits looks whether the other side has stopped."""

T = TypeVar("T")


class BoundedQueue(Generic[T]):
    """Hand things from one thread to another; who gives waits while `HELD` of them lie there."""

    def __init__(self) -> None:
        self._queue: queue.Queue[T | None] = queue.Queue(HELD)
        self._stopped = Event()

    def put(self, thing: T | None) -> bool:
        """Hand something on, and return whether it was; it was not if the queue has been stopped."""
        while not self._stopped.is_set():
            try:
                self._queue.put(thing, timeout=PATIENCE)
            except queue.Full:
                continue
            return True
        return False

    def end(self) -> None:
        """Tell the taker that nothing follows."""
        self.put(None)

    def stop(self) -> None:
        """Throw away what lies there, and take nothing more."""
        self._stopped.set()

    def __iter__(self) -> Iterator[T]:
        """Take things until the end."""
        while not self._stopped.is_set():
            try:
                thing = self._queue.get(timeout=PATIENCE)
            except queue.Empty:
                continue
            if thing is None:
                return
            yield thing
