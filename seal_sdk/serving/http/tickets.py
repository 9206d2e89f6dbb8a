"""Tickets: jobs of the engine as requests know them, and which of them an Idempotency-Key stands for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal
from weakref import ReferenceType, WeakKeyDictionary, ref

from cachetools import TTLCache

from seal_sdk.serving.http.answers import IdentityAnswer, ImagesAnswer
from seal_sdk.serving.http.problems import Problem
from seal_sdk.serving.job import Job, JobState

if TYPE_CHECKING:
    from seal_sdk.serving.engine import Engine

MOST_KEYS = 10_000
Kind = Literal["generation", "edit", "identity"]


@dataclass(eq=False)
class Terms:
    """What was agreed of a job, kept as long as the engine keeps the job.

    answer: makes the answer of the job, its time and its result, which takes a while. detached: whether it goes on although nobody waits
    for it. keyed: whether an Idempotency-Key may ask for it again. created: seconds since the epoch. waiting: requests that wait for it.
    """

    kind: Kind
    answer: Callable[[Job, int, Any], ImagesAnswer | IdentityAnswer]
    detached: bool = False
    keyed: bool = False
    created: int = field(default_factory=lambda: int(time.time()))
    waiting: int = 0


@dataclass(frozen=True, eq=False)
class Ticket:
    """A job and its terms, for one request. Only requests hold tickets, so that the engine alone says how long results are kept."""

    job: Job
    terms: Terms

    def answer(self, result: Any) -> ImagesAnswer | IdentityAnswer:
        """The answer of the job's result, which takes a while where images are encoded."""
        return self.terms.answer(self.job, self.terms.created, result)

    @contextmanager
    def awaited(self, engine: Engine) -> Iterator[None]:
        """Wait for it inside. Whoever is the last to leave has it cancelled where it runs, and forgotten where nobody can ask for it."""
        self.terms.waiting += 1
        try:
            yield
        finally:
            self.terms.waiting -= 1
            if not self.terms.waiting and not self.terms.detached:
                if not self.job.state.is_final:
                    engine.cancel(self.job)
                elif not self.terms.keyed:
                    engine.forget(self.job)


class Tickets:
    """The terms of the jobs that the engine still knows. keep_seconds: how long an Idempotency-Key counts."""

    def __init__(self, keep_seconds: float) -> None:
        self._terms: WeakKeyDictionary[Job, Terms] = WeakKeyDictionary()
        self._keys: TTLCache[tuple[str, str], tuple[str, ReferenceType[Job]]] = TTLCache(MOST_KEYS, keep_seconds)
        self._lock = Lock()

    def add(self, job: Job, terms: Terms, key: str | None, fingerprint: str) -> Ticket:
        """Keep a job's terms, under an Idempotency-Key if its request had one."""
        with self._lock:
            self._terms[job] = terms
            if key is not None:
                self._keys[job.client, key] = fingerprint, ref(job)
        return Ticket(job, terms)

    def of(self, job: Job | None, client: str) -> Ticket:
        """A client's ticket of a job. Raises Problem where there is none, or it is another client's."""
        with self._lock:
            terms = None if job is None or job.client != client else self._terms.get(job)
        if job is None or terms is None:
            raise Problem(404, "unknown_job", "There is no such job of yours, or it was answered or forgotten since.")
        return Ticket(job, terms)

    def repeated(self, client: str, key: str | None, fingerprint: str) -> Ticket | None:
        """The ticket that this key stands for; None for a new one, and where that job failed, so that it can be tried anew.

        Raises Problem for a key of another request.
        """
        with self._lock:
            known, referred = self._keys.get((client, key or ""), (None, None))
            job = referred() if referred else None
            terms = self._terms.get(job) if job else None
        if known is None or job is None or terms is None or job.state in (JobState.FAILED, JobState.CANCELLED):
            return None
        if known != fingerprint:
            detail = "This Idempotency-Key was used for another request: give each request a key of its own."
            raise Problem(422, "idempotency_key_reused", detail)
        return Ticket(job, terms)
