"""Jobs: what waits in the engine's queue, how far it is, and what became of it."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Any

from PIL import Image

from seal_sdk.errors import DeadlineExceeded, JobCancelled, JobError
from seal_sdk.serving.work import Work

Listener = Callable[[], None]
logger = logging.getLogger(__name__)


class JobState(StrEnum):
    """Where a job is on its way."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True)
class JobProgress:
    """How far a job is. step, steps: steps done, of so many; 0 of 0 before it begins.

    previews: one small RGB image per image of the job, of latent size; empty before the first step, and where none were asked for.
    """

    step: int = 0
    steps: int = 0
    previews: tuple[Image.Image, ...] = ()


class Job:
    """One piece of work on its way through the engine. Any thread may read it.

    id: cannot be guessed. client: whose it is. deadline: seconds from now until which it has to be done, None for no limit.
    previews: whether its progress has previews.
    """

    def __init__(self, work: Work, client: str, deadline: float | None, previews: bool) -> None:
        self.id, self.client, self.previews = secrets.token_urlsafe(16), client, previews
        self.submitted = time.monotonic()
        self.started: float | None = None
        self.finished: float | None = None
        self.progress = JobProgress()
        self.state = JobState.WAITING
        self.future: Future[Any] = Future()
        self.future.set_running_or_notify_cancel()  # who waits for it may give up, and must not end it
        self._work: Work | None = work
        self._expires = None if deadline is None else self.submitted + deadline
        self._deadline = deadline
        self._stop: JobError | None = None
        self._listeners: list[Listener] = []
        self._lock = Lock()

    @property
    def work(self) -> Work:
        """What is to be done; let go of once the job is finished, with its images."""
        assert self._work is not None, "the job is finished"
        return self._work

    def result(self, timeout: float | None = None) -> Any:
        """What came of it, once it is finished.

        Raises what it failed with, JobCancelled, DeadlineExceeded, ShuttingDown; or TimeoutError after ``timeout`` seconds.
        """
        return self.future.result(timeout)

    def listen(self, listener: Listener) -> Listener:
        """Call ``listener``, in the engine's thread, after every change. Returns what ends that."""
        with self._lock:
            self._listeners.append(listener)
        return lambda: self._forget(listener)

    def _forget(self, listener: Listener) -> None:
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def stop(self, error: JobError) -> None:
        """Have it end within one step, with this error. The engine's `cancel` takes it out of the queue as well."""
        self._stop = self._stop or error

    def given_up(self) -> JobError | None:
        """Why it is not to go on, None if it is."""
        if self._stop is not None:
            return self._stop
        if self._expires is not None and time.monotonic() >= self._expires:
            return DeadlineExceeded(
                f"The job was not done within its deadline of {self._deadline:g} seconds. Ask again later, or allow more time."
            )
        return None

    def begin(self) -> None:
        """It leaves the queue."""
        self.started, self.state = time.monotonic(), JobState.RUNNING
        self._tell()

    def advance(self, progress: JobProgress) -> None:
        """It is so far."""
        self.progress = progress
        self._tell()

    def finish(self, result: Any) -> None:
        """It is done."""
        self._end(JobState.DONE)
        self.future.set_result(result)
        self._tell()

    def fail(self, error: BaseException) -> None:
        """It ends without a result."""
        self._end(JobState.CANCELLED if isinstance(error, JobCancelled) else JobState.FAILED)
        self.future.set_exception(error)
        self._tell()

    def _end(self, state: JobState) -> None:
        self.finished, self._work = time.monotonic(), None
        self.progress = JobProgress(self.progress.step, self.progress.steps)
        self.state = state

    def _tell(self) -> None:
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            try:
                listener()
            except Exception:  # whoever looks on must not stop the work
                logger.exception("A listener of job %s failed.", self.id)
