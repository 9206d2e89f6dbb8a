"""The engine: a bounded queue of jobs over one session, worked off by one thread.

It draws nothing itself: it calls the session, which is what makes a job's pictures those of a call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Condition, Thread
from types import TracebackType
from typing import Any, Self

from cachetools import TTLCache
from PIL import Image

from seal_sdk.callbacks import Session
from seal_sdk.errors import ConfigError, JobCancelled, JobError, ShuttingDown, UnsupportedModel
from seal_sdk.result import Generation
from seal_sdk.serving.job import Job, JobProgress, JobState
from seal_sdk.serving.preview import LatentPreview
from seal_sdk.serving.queue import FairQueue
from seal_sdk.serving.step_count import StepCount
from seal_sdk.serving.work import Work
from seal_sdk.session import IdentitySession

logger = logging.getLogger(__name__)
AUTO_IMAGES = 8  # drawn together where a session packs as many images into a forward as fit


@dataclass(frozen=True)
class EngineSettings:
    """Limits of the engine. Raises ConfigError unless they are positive.

    max_waiting, max_waiting_per_client: jobs in the queue. keep_seconds, keep_bytes: how long finished jobs can be asked for, and what
    their images may take of memory.
    """

    max_waiting: int = 256
    max_waiting_per_client: int = 64
    keep_seconds: float = 3600.0
    keep_bytes: int = 256 * 2**20

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ConfigError(f"{name}={value!r}: expected a number above 0.")


class Engine:
    """Works off jobs, one after another; clients take turns. Any thread may use it.

    Jobs are drawn together where the session packs images into one forward (``images_per_forward``), and they have the same settings
    and size. session: stays the caller's to close.
    """

    def __init__(self, session: IdentitySession, settings: EngineSettings | None = None) -> None:
        settings = settings or EngineSettings()
        self.session, self.settings = session, settings
        self._queue = FairQueue(settings.max_waiting, settings.max_waiting_per_client)
        self._active: dict[str, Job] = {}
        self._finished: TTLCache[str, Job] = TTLCache(settings.keep_bytes, settings.keep_seconds, getsizeof=self._size)
        self._changed = Condition()
        self._closing = False
        self._observers: list[Callable[[Job], None]] = []
        self._preview: LatentPreview | None = None
        self._most_images = most_images(session)
        self._thread = Thread(target=self._work_off, name="seal-engine", daemon=True)
        self._thread.start()

    def submit(self, work: Work, *, client: str = "", deadline: float | None = None, previews: bool = False) -> Job:
        """Queue a piece of work.

        client: whose turn it takes. deadline: seconds until it has to be done. previews: whether its progress has them.
        Raises QueueFull, ShuttingDown, or ConfigError for a deadline that is none.
        """
        if deadline is not None and not deadline > 0:
            raise ConfigError(f"deadline={deadline!r}: expected seconds above 0, or None for no limit.")
        job = Job(work, client, deadline, previews)
        with self._changed:
            if self._closing:
                raise ShuttingDown()
            self._queue.put(job)
            self._active[job.id] = job
            self._changed.notify_all()
        return job

    def job(self, job_id: str) -> Job | None:
        """The job of an id, until some time after it is finished; None where there is none."""
        with self._changed:
            return self._active.get(job_id) or self._finished.get(job_id)

    def position(self, job: Job) -> int | None:
        """How many jobs are before it in the queue; None where it does not wait."""
        with self._changed:
            return self._queue.position(job)

    @property
    def waiting(self) -> int:
        """Jobs in the queue."""
        with self._changed:
            return len(self._queue)

    @property
    def running(self) -> int:
        """Jobs that are being done."""
        with self._changed:
            return len(self._active) - len(self._queue)

    @property
    def is_open(self) -> bool:
        """Whether it takes jobs."""
        return not self._closing and self._thread.is_alive()

    def observe(self, observer: Callable[[Job], None]) -> None:
        """Call ``observer``, in the engine's thread, with every job that has ended."""
        self._observers.append(observer)

    def cancel(self, job: Job) -> None:
        """End a job: at once where it waits, within a step where it runs. One that is finished stays so."""
        self._stop(job, JobCancelled("The job was cancelled."))

    def forget(self, job: Job) -> None:
        """Let go of a finished job before its time, with its images. One that is not finished stays."""
        with self._changed:
            self._finished.pop(job.id, None)
            if job.state.is_final:  # the thread may not have kept it yet
                self._active.pop(job.id, None)

    def drain(self, timeout: float | None = None) -> bool:
        """Take no more jobs, and wait until all are done, or for ``timeout`` seconds; whether they are."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._active, timeout)

    def close(self, timeout: float | None = None) -> None:
        """Take no more jobs, end those that are not done after ``timeout`` seconds (None waits for all), and stop the thread."""
        if not self.drain(timeout):
            with self._changed:
                left = list(self._active.values())
            for job in left:
                self._stop(job, ShuttingDown())
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        self.close(None if kind is None else 0)

    def _work_off(self) -> None:
        while jobs := self._take():
            self._do(jobs)

    def _take(self) -> list[Job]:
        """The next jobs to do together; none once the engine is closing and nothing waits."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: len(self._queue) or self._closing)
            self._expire()
            with self._changed:
                jobs = self._queue.take(self._most_images)
                if jobs or (self._closing and not len(self._queue)):
                    return jobs

    def _do(self, jobs: Sequence[Job]) -> None:
        """Do jobs in one call. Where several fail, each is done alone, so that none suffers for another."""
        for job in jobs:
            if job.state is JobState.WAITING:
                job.begin()
        group = _Group(self, jobs)
        outcomes = self._call(group, jobs)
        unfinished = group.end_given_up()
        if isinstance(outcomes, BaseException) and len(jobs) > 1:
            for job in unfinished:
                self._do([job])
            return
        for job, outcome in zip(jobs, [outcomes] if isinstance(outcomes, BaseException) else outcomes, strict=True):
            if job in unfinished:
                self._end(job, outcome)

    def _call(self, group: _Group, jobs: Sequence[Job]) -> list[Any] | BaseException:
        """The results, or what the call raised."""
        first, *others = (job.work for job in jobs)
        try:
            return first.run(self.session, group, others)
        except BaseException as error:  # whatever it is belongs to the jobs: the engine goes on
            return error

    def _end(self, job: Job, outcome: Any) -> None:
        """A job has ended, with a result or an exception."""
        if isinstance(outcome, BaseException):
            job.fail(outcome)
        else:
            job.finish(outcome)
        with self._changed:
            if self._active.pop(job.id, None):  # otherwise it was forgotten the moment it was finished
                self._finished[job.id] = job
            self._changed.notify_all()
        for observer in self._observers:
            try:
                observer(job)
            except Exception:  # whoever looks on must not stop the work
                logger.exception("An observer of job %s failed.", job.id)

    def _stop(self, job: Job, error: JobError) -> None:
        job.stop(error)
        self._end_if_waiting(job, error)

    def _end_if_waiting(self, job: Job, error: JobError) -> None:
        with self._changed:
            waits = self._queue.remove(job)
        if waits:
            self._end(job, error)

    def _expire(self) -> None:
        """End the waiting jobs whose deadline has passed."""
        with self._changed:
            expired = [(job, error) for job in self._queue if (error := job.given_up())]
        for job, error in expired:
            self._end_if_waiting(job, error)

    def _fitted_preview(self) -> LatentPreview:
        """The model's. Its lock must be held."""
        self._preview = self._preview or LatentPreview.fit(self.session.backbone)
        return self._preview

    def _size(self, job: Job) -> int:
        """Bytes that a finished job's images take; at most all there are for it, so that one is always kept."""
        result = None if job.future.exception() else job.future.result()
        images = result.images if isinstance(result, Generation) else []
        taken: int = 1024 + sum(3 * each.width * each.height for each in images)
        return min(taken, self.settings.keep_bytes)


class _GivenUp(Exception):
    """Leaves a call of the session that nobody waits for any more."""


class _Group(StepCount):
    """Jobs that are done in one call: tells them how far it is, and leaves the call once none of them is to go on."""

    def __init__(self, engine: Engine, jobs: Sequence[Job]) -> None:
        self._engine, self._jobs = engine, jobs
        self._images = [job.work.images for job in jobs]
        self._steps = 0
        self._preview: LatentPreview | None = None
        self._previews: list[Image.Image] = []

    def end_given_up(self) -> list[Job]:
        """End the jobs that are cancelled or too late; returns those that go on."""
        for job in self._jobs:
            error = None if job.state.is_final else job.given_up()
            if error:
                self._engine._end(job, error)
        return [job for job in self._jobs if not job.state.is_final]

    def on_generate_start(self, session: Session, images: int, steps: int) -> None:
        """Begin to draw, with the model's lock, which fitting previews needs."""
        if any(job.previews for job in self._jobs):
            self._preview = self._engine._fitted_preview()
        super().on_generate_start(session, images, steps)

    def on_prediction(self, session: Session, index: int, clean: Callable[[], Any]) -> None:
        """Make the previews of this step."""
        if self._preview is not None:
            with suppress(UnsupportedModel):  # a scheduler of another kind has none
                self._previews = self._preview.draw(clean())

    def begin(self, steps: int) -> None:
        """So many steps are to be done."""
        self._steps = steps
        self.advance(0)

    def advance(self, done: int) -> None:
        """So many are: tell the jobs, and end those that are not to go on."""
        self._engine._expire()
        if not self.end_given_up():
            raise _GivenUp
        start = 0
        for job, images in zip(self._jobs, self._images, strict=True):
            previews = tuple(self._previews[start : start + images]) if job.previews else ()
            start += images
            if not job.state.is_final:
                job.advance(JobProgress(done, self._steps, previews))


def most_images(session: IdentitySession) -> int:
    """How many images it pays to draw together: as many as the session packs into one forward."""
    shared = session.images_per_forward
    if shared == "auto" and session.backbone.device.type == "cuda":
        return AUTO_IMAGES
    return shared if isinstance(shared, int) else 1
