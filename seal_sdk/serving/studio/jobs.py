"""Jobs of browser tabs: each tab is a client of the engine, and whoever leaves takes their jobs along."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock

from seal_sdk.serving.changes import Changes
from seal_sdk.serving.engine import Engine
from seal_sdk.serving.job import Job, JobProgress
from seal_sdk.serving.work import Work

LOOK_AGAIN = 1.0  # seconds after which the place in the queue is looked up again
PAUSE = 0.1  # seconds between two reports at least


@dataclass(frozen=True)
class Standing:
    """How a job stands. before: jobs before it in the queue; None once it has left the queue."""

    job_id: str
    before: int | None
    progress: JobProgress


class Jobs:
    """The jobs that tabs wait for, by the tab's session hash."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waited_for: dict[str, list[Job]] = defaultdict(list)
        self._lock = Lock()

    def submit(self, work: Work, client: str, *, previews: bool = False) -> Job:
        """Queue a piece of work of a tab. Raises QueueFull or ShuttingDown."""
        job = self._engine.submit(work, client=client, previews=previews)
        with self._lock:
            self._waited_for[client].append(job)
        return job

    async def watch(self, job: Job) -> AsyncGenerator[Standing, None]:
        """How a job stands, after every change, until it has ended. Whoever stops watching cancels it."""
        try:
            with Changes(job) as changes:
                while not job.state.is_final:
                    yield Standing(job.id, self._engine.position(job), job.progress)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(changes.next(), LOOK_AGAIN)
                    await asyncio.sleep(PAUSE)
        finally:
            self._engine.cancel(job)
            self._drop(job)

    def cancel(self, client: str) -> None:
        """End all jobs of a tab."""
        with self._lock:
            jobs = list(self._waited_for.get(client, ()))
        for job in jobs:
            self._engine.cancel(job)

    def _drop(self, job: Job) -> None:
        with self._lock:
            left = [each for each in self._waited_for.pop(job.client, []) if each is not job]
            if left:
                self._waited_for[job.client] = left
