"""The engine's queue: bounded, and fair between clients."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator

from seal_sdk.errors import QueueFull
from seal_sdk.serving.job import Job


class FairQueue:
    """Clients take turns, and each client's jobs keep their order. Not locked: the engine does that.

    max_waiting: jobs in all. max_waiting_per_client: of one client.
    """

    def __init__(self, max_waiting: int, max_waiting_per_client: int) -> None:
        self.max_waiting, self.max_waiting_per_client = max_waiting, max_waiting_per_client
        self._clients: OrderedDict[str, deque[Job]] = OrderedDict()  # whose turn it is comes first

    def __len__(self) -> int:
        return sum(map(len, self._clients.values()))

    def __iter__(self) -> Iterator[Job]:
        return (job for jobs in self._clients.values() for job in jobs)

    def put(self, job: Job) -> None:
        """Have it wait. Raises QueueFull."""
        waiting = len(self._clients.get(job.client, ()))
        if len(self) >= self.max_waiting:
            raise QueueFull(f"{len(self)} jobs wait already, and no more are taken. Ask again later.")
        if waiting >= self.max_waiting_per_client:
            raise QueueFull(f"{waiting} jobs of this client wait already, and no more are taken. Ask again later.")
        self._clients.setdefault(job.client, deque()).append(job)

    def remove(self, job: Job) -> bool:
        """Take it out; whether it was there."""
        jobs = self._clients.get(job.client, deque())
        if job not in jobs:
            return False
        jobs.remove(job)
        self._drop_empty(job.client)
        return True

    def take(self, most_images: int) -> list[Job]:
        """The next job, and those after it that can be drawn with it, ``most_images`` in all; none when nothing waits.

        Those are of any client, but none passes another job of its own client.
        """
        if not self._clients:
            return []
        first = self._next(next(iter(self._clients)))
        taken, images = [first], first.work.images
        for client in list(self._clients):
            while (jobs := self._clients.get(client)) and first.work.joins(jobs[0].work):
                if images + jobs[0].work.images > most_images:
                    break
                images += jobs[0].work.images
                taken.append(self._next(client))
        return taken

    def position(self, job: Job) -> int | None:
        """How many jobs are before it, None where it does not wait. Jobs that are drawn together count each."""
        jobs = self._clients.get(job.client, deque())
        if job not in jobs:
            return None
        place, before = jobs.index(job), 0
        earlier = True
        for client, theirs in self._clients.items():
            earlier = earlier and client != job.client
            if client != job.client:
                before += min(len(theirs), place + earlier)
        return before + place

    def _next(self, client: str) -> Job:
        """A client's first job; then it is the other clients' turn."""
        job = self._clients[client].popleft()
        self._clients.move_to_end(client)
        self._drop_empty(client)
        return job

    def _drop_empty(self, client: str) -> None:
        if not self._clients[client]:
            del self._clients[client]
