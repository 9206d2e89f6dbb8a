"""Tickets: jobs of the engine as requests know them, and which of them an Idempotency-Key stands for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

from cachetools import TTLCache

from seal_sdk.serving.http.answers import IdentityAnswer, ImagesAnswer
from seal_sdk.serving.http.problems import Problem
from seal_sdk.serving.job import Job, JobState

if TYPE_CHECKING:
    from seal_sdk.serving.engine import Engine

MOST_KEYS = 10_000
LONGEST_KEY = 255
Kind = Literal["generation", "edit", "identity"]


@dataclass(eq=False)
class Ticket:
    """A job, and how its result is answered.

    created: seconds since the epoch. answer: makes the answer of the result, which takes time.
    detached: whether it goes on although nobody waits for it.
    """

    job: Job
    kind: Kind
    answer: Callable[[Any], ImagesAnswer | IdentityAnswer]
    detached: bool = False
    created: int = field(default_factory=lambda: int(time.time()))
    _waiting: int = 0

    @contextmanager
    def awaited(self, engine: Engine) -> Iterator[None]:
        """Wait for it inside. Whoever is the last to leave before it ends has it cancelled."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting and not self.detached and not self.job.state.is_final:
                engine.cancel(self.job)


class Tickets:
    """The tickets of the jobs that the engine still knows. keep_seconds: how long an Idempotency-Key counts."""

    def __init__(self, keep_seconds: float) -> None:
        self._tickets: WeakKeyDictionary[Job, Ticket] = WeakKeyDictionary()
        self._keys: TTLCache[tuple[str, str], tuple[str, Ticket]] = TTLCache(MOST_KEYS, keep_seconds)
        self._lock = Lock()

    def add(self, ticket: Ticket, key: str | None, fingerprint: str) -> None:
        """Keep a ticket, under an Idempotency-Key if its request had one."""
        with self._lock:
            self._tickets[ticket.job] = ticket
            if key is not None:
                self._keys[ticket.job.client, key] = fingerprint, ticket

    def of(self, job: Job | None, client: str) -> Ticket:
        """A client's ticket of a job. Raises Problem where there is none, or it is another client's."""
        with self._lock:
            ticket = None if job is None or job.client != client else self._tickets.get(job)
        if ticket is None:
            raise Problem(404, "unknown_job", "There is no such job of yours, or it was finished too long ago.")
        return ticket

    def repeated(self, client: str, key: str | None, fingerprint: str) -> Ticket | None:
        """The ticket that this key stands for; None for a new one, and where that job failed, so that it can be tried anew.

        Raises Problem for a key of another request.
        """
        if key is None:
            return None
        if not 0 < len(key) <= LONGEST_KEY:
            raise Problem(422, "invalid_idempotency_key", f"Idempotency-Key: expected 1 to {LONGEST_KEY} characters.")
        with self._lock:
            known, ticket = self._keys.get((client, key), (None, None))
        if known is None or ticket is None or ticket.job.state in (JobState.FAILED, JobState.CANCELLED):
            return None
        if known != fingerprint:
            detail = "This Idempotency-Key was used for another request: give each request a key of its own."
            raise Problem(422, "idempotency_key_reused", detail)
        return ticket
