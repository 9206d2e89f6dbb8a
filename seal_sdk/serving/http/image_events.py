"""OpenAI's stream of images: previews while they are drawn, then the images."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from PIL import Image
from sse_starlette import ServerSentEvent

from seal_sdk.result import Generation
from seal_sdk.serving.http.answers import Format, encode, size_of
from seal_sdk.serving.http.problems import problem_of
from seal_sdk.serving.http.requests import ImageRequest
from seal_sdk.serving.http.service import Service
from seal_sdk.serving.http.tickets import Ticket
from seal_sdk.serving.job import Job

NO_USAGE = {  # OpenAI's clients expect it; nothing is counted in tokens here
    "input_tokens": 0,
    "output_tokens": 0,
    "total_tokens": 0,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
}


@dataclass(frozen=True)
class ImageStream:
    """The events of one request."""

    service: Service
    ticket: Ticket
    request: ImageRequest

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        """Previews, and the images or an error. Where the client goes before, the job is cancelled unless others wait for it."""
        job = self.ticket.job
        with self.ticket.awaited(self.service.engine), Previews(job, self.request.partial_images or 0) as previews:
            number = 0
            while shown := await previews.next():
                for index, preview in enumerate(shown):
                    yield await self._event(
                        "partial_image", self._enlarged(preview), index, {"partial_image_index": number}
                    )
                number += 1
            try:
                generation: Generation = await asyncio.wrap_future(job.future)
            except Exception as error:  # the answer has begun: the error is an event of it
                yield _event("error", problem_of(error).details.model_dump(mode="json"))
                return
            for index, image in enumerate(generation.images):
                facts = {"usage": NO_USAGE, "seal": {"job": job.id, "seed": generation.seeds[index]}}
                yield await self._event("completed", image, index, facts)

    async def _event(self, name: str, image: Image.Image, index: int, facts: dict[str, Any]) -> ServerSentEvent:
        family = "image_edit" if self.ticket.terms.kind == "edit" else "image_generation"
        kind: Format = self.request.output_format or "png"
        encoded = await self.service.in_thread(encode, image, kind, self.request.output_compression)
        data: dict[str, Any] = {
            "type": f"{family}.{name}",
            "b64_json": encoded,
            "background": "opaque",
            "created_at": int(time.time()),
            "output_format": kind,
            "quality": "auto",
            "size": size_of(image),
            "index": index,
        }
        return _event(data["type"], {**data, **facts})

    def _enlarged(self, preview: Image.Image) -> Image.Image:
        """A preview at the image's size."""
        scale = self.service.session.backbone.geometry.pixels_per_latent
        return preview.resize((preview.width * scale, preview.height * scale), Image.Resampling.BICUBIC)


def _event(name: str, data: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(data), event=name, sep="\n")


class Previews:
    """Picks ``count`` previews of a job, at even distances. They are picked in the engine's thread, so that none is missed."""

    def __init__(self, job: Job, count: int) -> None:
        self._job, self._count, self._picked = job, count, 0
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Sequence[Image.Image]] = asyncio.Queue()
        self._forget = job.listen(self._look)
        if job.state.is_final:  # it may have ended before anybody listened
            self._put(())

    async def next(self) -> Sequence[Image.Image]:
        """The next previews, one of each image; none once the job has ended."""
        return await self._queue.get()

    def _look(self) -> None:
        progress = self._job.progress
        if self._job.state.is_final:
            self._put(())
            return
        due = sum(progress.step >= math.ceil(k * progress.steps / (self._count + 1)) for k in range(1, self._count + 1))
        if progress.previews and due > self._picked:
            self._picked = due
            self._put(progress.previews)

    def _put(self, previews: Sequence[Image.Image]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(partial(self._queue.put_nowait, previews))

    def __enter__(self) -> Previews:
        return self

    def __exit__(self, *exc: Any) -> None:
        self._forget()
