"""Long works of visitors: so many at a time, each with its progress, a time left and an end when asked."""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from threading import Condition, Event, Thread
from typing import Any

POLL_SECONDS = 0.1
"""Between two looks at a job: a visitor's "stop" is answered within."""


class Stopped(Exception):
    """The visitor stopped the job."""


@dataclass(frozen=True)
class Step:
    """How far a job is.

    Args:
        done: Units of work.
        total: Of the whole, 0 if that is unknown.
        seconds: Since it began.
        before: How many jobs must end before it begins.
        paused: Whether it stands still.
        shown: What there is to be seen of it.
    """

    done: float = 0
    total: float = 0
    seconds: float = 0.0
    before: int = 0
    paused: bool = False
    shown: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """What a visitor reads: how far, and how long it will take."""
        if self.before:
            return f"Waiting for {self.before} other work{'s' if self.before > 1 else ''} to end"
        if not (self.done and self.total):
            return "Paused" if self.paused else "Working"
        part = f"{100 * self.done / self.total:.0f} % done"
        if self.paused:
            return f"Paused, {part}"
        left = self.seconds * (self.total - self.done) / self.done
        clock = f"{left:.0f} seconds" if left < 100 else f"{left / 60:.0f} minutes"
        return f"{part}, about {clock} left"


class Job:
    """A work in a thread of its own.

    Args:
        keeps: Whether what it has when it is stopped is a result; else nobody waits for it once it is stopped.
    """

    def __init__(self, keeps: bool = False) -> None:
        self.keeps = keeps
        self.step, self.paused = Step(), Event()
        self.began = time.perf_counter()
        self.result: Any = None
        self.error: BaseException | None = None
        self.stopped, self.ended = Event(), Event()
        self.child: subprocess.Popen[str] | None = None

    def stop(self) -> None:
        """Have it end as soon as it can."""
        self.stopped.set()
        if self.child:
            self.child.terminate()

    def kill(self) -> None:
        """Have it end at once: nobody is there any more."""
        self.stopped.set()
        if self.child:
            self.child.kill()

    def tell(self, done: float, total: float, **shown: Any) -> bool:
        """Say how far the work is, and return whether it shall end; also where it waits while it is paused.

        Args:
            done: Units of work.
            total: Of the whole.
            **shown: What there is to be seen; what was shown before stays until it is replaced.

        Raises:
            Stopped: The visitor stopped it, and nothing of it is kept.
        """
        self.step = Step(done, total, time.perf_counter() - self.began, shown={**self.step.shown, **shown})
        if self.paused.is_set():
            self._stand_still()
        if self.stopped.is_set() and not self.keeps:
            raise Stopped
        return self.stopped.is_set()

    def _stand_still(self) -> None:
        """Wait until the pause is over, or the visitor has stopped it."""
        working, began = self.step, time.perf_counter()
        self.step = replace(working, paused=True)
        while self.paused.is_set() and not self.stopped.is_set():
            time.sleep(POLL_SECONDS)
        self.began += time.perf_counter() - began
        self.step = working

    def follow(self) -> Iterator[Step]:
        """Give each step as it comes, until the end.

        Raises:
            Stopped: The visitor stopped it.
            InputError: What the work raised.
        """
        seen: Step | None = None
        while not self.ended.wait(POLL_SECONDS):
            if self.stopped.is_set() and not self.keeps:
                raise Stopped
            if self.step is not seen:
                seen = self.step
                yield seen
        if self.error is not None:
            raise self.error

    def run(self, work: Callable[["Job"], Any]) -> None:
        """Do the work; what it returns or raises is kept."""
        self.began = time.perf_counter()
        self.step = Step()
        try:
            self.result = work(self)
        except BaseException as error:  # raised again where it is followed
            self.error = error
        finally:
            self.ended.set()


class JobQueue:
    """Where jobs queue.

    Args:
        limit: How many are worked on at a time.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._line: list[Job] = []
        self._changed = Condition()

    def start(self, work: Callable[[Job], Any], keeps: bool = False) -> Job:
        """Return a job, which begins at once or as soon as there is room.

        Args:
            work: Given the job, whose `tell` it calls now and then.
            keeps: See `Job`.
        """
        job = Job(keeps)
        with self._changed:
            self._line.append(job)
        Thread(target=self._take, args=(job, work), daemon=True).start()
        return job

    def _take(self, job: Job, work: Callable[[Job], Any]) -> None:
        """Wait for room, do the work and make room."""
        try:
            with self._changed:
                while (before := self._line.index(job) - self.limit + 1) > 0 and not job.stopped.is_set():
                    job.step = Step(before=before)
                    self._changed.wait(POLL_SECONDS)
            if job.stopped.is_set():
                job.error = Stopped()
                job.ended.set()
            else:
                job.run(work)
        finally:
            with self._changed:
                self._line.remove(job)
                self._changed.notify_all()
