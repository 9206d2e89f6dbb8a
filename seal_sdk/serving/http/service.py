"""What all operations share: the engine once the model is there, the tickets of jobs, and threads for images."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from seal_sdk.errors import QueueFull, ShuttingDown
from seal_sdk.serving.http.metrics import Metrics
from seal_sdk.serving.http.problems import RETRY_AFTER, Problem
from seal_sdk.serving.http.settings import ServiceSettings
from seal_sdk.serving.http.tickets import Tickets
from seal_sdk.serving.http.uploads import ImageReader
from seal_sdk.serving.job import Job

if TYPE_CHECKING:
    from seal_sdk.serving.engine import Engine
    from seal_sdk.serving.http.drawing import DrawingMaker
    from seal_sdk.session import IdentitySession

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
IMAGE_THREADS = 4

logger = logging.getLogger("seal.service")


class Service:
    """One service. It listens before its session is there: `open` brings that, and `drain` ends it."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings, self.limits = settings, settings.limits
        self.reader = ImageReader(settings.limits.image_pixels, settings.allow_urls)
        self.tickets = Tickets(settings.limits.keep_seconds)
        self.metrics = Metrics()
        self._images = ThreadPoolExecutor(IMAGE_THREADS, "seal-images")
        self._engine: Engine | None = None
        self._draining = False
        self._held: dict[Job, int] = {}
        self._lock = Lock()

    def open(self, session: IdentitySession) -> None:
        """Draw with this session from now on. It stays the caller's to close, after `close`."""
        from seal_sdk.serving.engine import Engine, EngineSettings  # with torch: the service answers before it is there

        limits = self.limits
        settings = EngineSettings(limits.max_waiting, limits.max_waiting_per_client, limits.keep_seconds)
        with self._lock:
            if self._draining:  # it was told to end while the session was made
                return
            engine = Engine(session, settings)
            for observer in (self._let_go, self.metrics.observe):
                engine.observe(observer)
            self.metrics.watch(engine)
            self._engine = engine

    @property
    def engine(self) -> Engine:
        """The engine. Raises Problem while there is none yet."""
        if self._engine is None:
            again = {"Retry-After": str(RETRY_AFTER)}
            raise Problem(503, "loading", "The service is loading its model. Ask again in a moment.", headers=again)
        return self._engine

    @property
    def session(self) -> IdentitySession:
        """The engine's. Raises Problem while there is none yet."""
        return self.engine.session

    @property
    def drawings(self) -> DrawingMaker:
        """What makes drawings for the session."""
        from seal_sdk.serving.http.drawing import DrawingMaker

        return DrawingMaker(self.session, self.reader, self.limits, self.settings.model)

    def check_open(self) -> None:
        """Raise Problem, or ShuttingDown, where no jobs are taken."""
        if self._draining:
            raise ShuttingDown
        _ = self.engine

    async def in_thread(
        self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """Call what takes a while, such as decoding an image, beside the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._images, lambda: function(*args, **kwargs))

    def hold(self, job: Job, count: int) -> None:
        """Count the bytes of a job's request and images until it ends."""
        with self._lock:
            if not job.state.is_final:
                self._held[job] = count

    def check_room(self, count: int) -> None:
        """Raise QueueFull where requests and images of all jobs would take too much memory."""
        with self._lock:
            held = sum(self._held.values())
        if held + count > self.limits.held_bytes:
            raise QueueFull(f"Requests with {held / 2**20:.0f} MiB of images wait already. Ask again later.")

    def log_prompt(self, job: Job, prompt: str) -> None:
        """Write a prompt to the log, if the settings say so."""
        if self.settings.log_prompts:
            logger.info("job %s: prompt %r", job.id, prompt)

    def drain(self, timeout: float) -> bool:
        """Take no more jobs, and end those that are not done within ``timeout`` seconds; whether all were."""
        with self._lock:
            self._draining = True
        if self._engine is None:
            return True
        done = self._engine.drain(timeout)
        self._engine.close(0)
        return done

    def close(self) -> None:
        """End what is not done, and the threads."""
        self.drain(0)
        self._images.shutdown(cancel_futures=True)

    def _let_go(self, job: Job) -> None:
        with self._lock:
            self._held.pop(job, None)

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *exc: Any) -> None:
        self.close()
