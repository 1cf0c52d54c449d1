import threading
import time

import pytest

from stylenet.errors import InputError
from stylenet.web.jobs import Job, JobQueue, Step, Stopped


def drained(job):
    return list(job.follow())


def started(queue, work=None, **options):
    """Return a job that has begun and goes on until the event returned is set."""
    begun, let_go = threading.Event(), threading.Event()

    def wait(job):
        begun.set()
        while not let_go.wait(0.01):
            if job.tell(1, 4):
                break
        return "result"

    job = queue.start(work or wait, **options)
    assert begun.wait(5)
    return job, let_go


def test_job_gives_its_result():
    job = JobQueue(1).start(lambda job: 6 * 7)
    drained(job)
    assert job.result == 42


def test_steps_are_seen_while_it_works():
    job, let_go = started(JobQueue(1))
    steps = job.follow()
    while not (step := next(steps)).total:
        pass
    let_go.set()
    assert (step.done, step.total) == (1, 4)
    assert step.text.startswith("25 % done, about ")


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (Step(before=2), "Waiting for 2 other works to end"),
        (Step(before=1), "Waiting for 1 other work to end"),
        (Step(), "Working"),
        (Step(paused=True), "Paused"),
        (Step(done=1, total=4, paused=True), "Paused, 25 % done"),
        (Step(done=1, total=3, seconds=20), "33 % done, about 40 seconds left"),
        (Step(done=1, total=11, seconds=60), "9 % done, about 10 minutes left"),
    ],
)
def test_step_is_told_in_words(step, text):
    assert step.text == text


def test_error_of_the_work_is_raised_where_it_is_followed():
    def fail(job):
        raise InputError("no such thing")

    with pytest.raises(InputError, match="no such thing"):
        drained(JobQueue(1).start(fail))


def test_stopped_job_is_left_at_once_even_if_its_work_goes_on():
    release = threading.Event()
    job = JobQueue(1).start(lambda job: release.wait(10))
    job.stop()
    began = time.monotonic()
    with pytest.raises(Stopped):
        drained(job)
    release.set()
    assert time.monotonic() - began < 2


def test_job_that_keeps_ends_with_what_it_has():
    job, _ = started(JobQueue(1), keeps=True)
    job.stop()
    drained(job)
    assert job.result == "result"


def test_second_job_waits_for_the_first_and_says_so():
    queue = JobQueue(1)
    _, let_go = started(queue)
    second = queue.start(lambda job: "second")
    assert next(second.follow()).before == 1
    let_go.set()
    drained(second)
    assert second.result == "second"


def test_as_many_jobs_run_as_allowed():
    queue = JobQueue(2)
    (_, first), (_, second) = started(queue), started(queue)  # the second begins while the first runs
    third = queue.start(lambda job: None)
    assert next(third.follow()).before == 1
    first.set()
    drained(third)
    second.set()


def test_job_stopped_while_it_waits_never_begins():
    queue, begun = JobQueue(1), []
    _, let_go = started(queue)
    waiting = queue.start(begun.append)
    waiting.stop()
    let_go.set()
    assert waiting.ended.wait(5)
    assert begun == []


def test_paused_job_stands_still_until_it_goes_on():
    job = Job()
    job.paused.set()
    thread = threading.Thread(target=job.tell, args=(1, 2))
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    assert job.step.paused
    job.paused.clear()
    thread.join(5)
    assert not thread.is_alive()
    assert (job.step.done, job.step.paused) == (1, False)


def test_pause_does_not_count_as_time_that_the_work_took():
    job = Job()
    job.paused.set()
    threading.Timer(0.5, job.paused.clear).start()
    job.tell(1, 2)
    job.tell(2, 2)
    assert job.step.seconds < 0.4


def test_paused_job_can_be_stopped():
    job = Job(keeps=True)
    job.paused.set()
    threading.Timer(0.2, job.stop).start()
    assert job.tell(1, 2)
