"""Metrics for Prometheus, in a registry of the service's own."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from cachetools import TTLCache
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from seal_sdk.result import Generation
from seal_sdk.serving.job import Job

if TYPE_CHECKING:
    from seal_sdk.serving.engine import Engine

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
STORE_SECONDS = 30  # for which a measured size of the store is told again


class Metrics:
    """Jobs by outcome, how long they waited and took, phases of drawing, tiers of reads, and bytes. Any thread may use it."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._ready = Gauge("seal_ready", "1 once the service can draw.", registry=registry)
        self._waiting = Gauge("seal_jobs_waiting", "Jobs in the queue.", registry=registry)
        self._running = Gauge("seal_jobs_running", "Jobs that are being done.", registry=registry)
        self._jobs = Counter("seal_jobs", "Jobs that ended.", ["outcome"], registry=registry)
        self._images = Counter("seal_images", "Images that were drawn.", registry=registry)
        self._wait = Histogram("seal_job_wait_seconds", "Time in the queue.", buckets=SECONDS, registry=registry)
        self._took = Histogram(
            "seal_job_run_seconds", "Time from the queue's end on.", buckets=SECONDS, registry=registry
        )
        self._phases = Histogram("seal_phase_seconds", "Time by phase.", ["phase"], buckets=SECONDS, registry=registry)
        self._reads = Counter("seal_timestep_reads", "Cached timesteps by their tier.", ["tier"], registry=registry)
        self._bytes = Gauge("seal_key_value_bytes", "K/V by tier, and on disk.", ["tier"], registry=registry)
        self._measured: TTLCache[str, dict[str, int]] = TTLCache(1, STORE_SECONDS)
        self._engine: Engine | None = None
        self._lock = Lock()

    def watch(self, engine: Engine) -> None:
        """Tell of this engine from now on."""
        self._engine = engine

    def observe(self, job: Job) -> None:
        """Count a job that has ended."""
        self._jobs.labels(job.state.value).inc()
        if job.started is not None and job.finished is not None:
            self._wait.observe(job.started - job.submitted)
            self._took.observe(job.finished - job.started)
        result = None if job.future.exception() else job.future.result()
        if isinstance(result, Generation):
            self._images.inc(len(result))
            for phase, seconds in result.timings.items():
                self._phases.labels(phase).observe(seconds)
            for tier, count in result.reads.items():
                self._reads.labels(tier).inc(count)

    def text(self) -> bytes:
        """In Prometheus' format. It measures the store, which takes a moment."""
        with self._lock:
            return self._text(self._engine)

    def _text(self, engine: Engine | None) -> bytes:
        self._ready.set(bool(engine and engine.is_open))
        self._waiting.set(engine.waiting if engine else 0)
        self._running.set(engine.running if engine else 0)
        for tier, count in self._sizes(engine).items():
            self._bytes.labels(tier).set(count)
        return generate_latest(self._registry)

    def _sizes(self, engine: Engine | None) -> dict[str, int]:
        if engine is not None and "bytes" not in self._measured:
            self._measured["bytes"] = dict(engine.session.memory.key_values)
        return self._measured.get("bytes", {})
