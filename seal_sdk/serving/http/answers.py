"""What the operations answer: images in OpenAI's form, jobs and identities."""

from __future__ import annotations

import base64
import io
from typing import Any, Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from seal_sdk.identity import Identity
from seal_sdk.result import Generation
from seal_sdk.serving.http.problems import ProblemDetails
from seal_sdk.serving.job import Job
from store.local.listing import IdentityInfo

Format = Literal["png", "jpeg", "webp"]


class ImageData(BaseModel):
    """One image, in base64."""

    b64_json: str


class Drawn(BaseModel):
    """What the SDK says of the images. coverage: share of tokens infused, 0 to 1, of each image.

    timings: seconds by phase, and reads: cached timesteps by tier, both of all images that were drawn together.
    """

    job: str
    seeds: list[int | None]
    coverage: list[float]
    timings: dict[str, float]
    reads: dict[str, int]
    restored: list[str]
    wait_seconds: float
    run_seconds: float


class ImagesAnswer(BaseModel):
    """Images, as OpenAI answers them; what is the SDK's is in ``seal``."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "created": 1767225600,
                    "data": [{"b64_json": "iVBORw0KGgo..."}],
                    "output_format": "png",
                    "size": "128x128",
                    "background": "opaque",
                    "seal": {
                        "job": "Zk3n5f0yXk0s2Q7nJ1l5Ww",
                        "seeds": [1],
                        "coverage": [0.31],
                        "timings": {"denoise": 0.9},
                        "reads": {"memory": 4},
                        "restored": [],
                        "wait_seconds": 0.0,
                        "run_seconds": 1.1,
                    },
                }
            ]
        }
    )

    created: int
    data: list[ImageData]
    output_format: Format
    size: str
    background: Literal["opaque"] = "opaque"
    seal: Drawn


class IdentityAnswer(BaseModel):
    """An identity of the store. box: of the subject, in pixels of ``size``; where a list is asked for, it is left out."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "object": "identity",
                    "name": "tiger",
                    "digest": "9f2c" + 60 * "0",
                    "prompt": "a photo of a tiger",
                    "size": [128, 128],
                    "box": [20, 16, 108, 120],
                    "timesteps": 4,
                    "bytes": 1048576,
                    "created": 1767225600,
                    "pinned": False,
                    "problem": None,
                }
            ]
        }
    )

    object: Literal["identity"] = "identity"
    name: str
    digest: str | None = None
    prompt: str | None = None
    size: list[int] | None = Field(default=None, description="Width and height of the reference as the model saw it.")
    box: list[float] | None = None
    timesteps: int = 0
    bytes: int = 0
    created: float | None = None
    pinned: bool = False
    problem: str | None = Field(default=None, description="Why it cannot be opened.")

    @classmethod
    def of(cls, identity: Identity) -> IdentityAnswer:
        """Of one that is opened."""
        return cls(
            name=identity.name,
            digest=identity.digest,
            prompt=identity.prompt,
            size=list(identity.size),
            box=list(identity.box),
            timesteps=len(identity.timesteps),
            bytes=identity.nbytes,
        )

    @classmethod
    def listed(cls, info: IdentityInfo) -> IdentityAnswer:
        """Of a line of the store's listing."""
        return cls(
            name=info.name or "",
            digest=info.digest,
            prompt=info.prompt,
            size=list(info.size) if info.size else None,
            timesteps=len(info.timesteps),
            bytes=info.nbytes,
            created=info.created,
            pinned=info.pinned,
            problem=info.problem,
        )


class Progress(BaseModel):
    """Steps that are done, of so many; 0 of 0 before it begins."""

    step: int
    steps: int


class JobAnswer(BaseModel):
    """A job. position: jobs before it while it waits. result: once it is done; error: once it failed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "object": "job",
                    "id": "Zk3n5f0yXk0s2Q7nJ1l5Ww",
                    "kind": "generation",
                    "state": "running",
                    "created": 1767225600,
                    "position": None,
                    "progress": {"step": 3, "steps": 20},
                    "result": None,
                    "error": None,
                }
            ]
        }
    )

    object: Literal["job"] = "job"
    id: str
    kind: Literal["generation", "edit", "identity"]
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    created: int
    position: int | None = None
    progress: Progress
    result: ImagesAnswer | IdentityAnswer | None = None
    error: ProblemDetails | None = None


def images_answer(job: Job, created: int, generation: Generation, *, kind: Format, quality: int | None) -> ImagesAnswer:
    """The answer of images that were drawn. Encodes them, which takes a while."""
    return ImagesAnswer(
        created=created,
        data=[ImageData(b64_json=encode(each, kind, quality)) for each in generation.images],
        output_format=kind,
        size=size_of(generation.image),
        seal=Drawn(
            job=job.id,
            seeds=generation.seeds,
            coverage=generation.coverage,
            timings=generation.timings,
            reads=generation.reads,
            restored=generation.restored,
            wait_seconds=(job.started or job.submitted) - job.submitted,
            run_seconds=(job.finished or 0) - (job.started or 0),
        ),
    )


def encode(image: Image.Image, kind: Format, quality: int | None = None) -> str:
    """An image in base64. quality: of JPEG and WebP, 0 to 100 (default). A PNG carries the image's settings."""
    options: dict[str, Any] = {} if kind == "png" else {"quality": max(1, 100 if quality is None else quality)}
    buffer = io.BytesIO()
    image.save(buffer, kind.upper(), **options)
    return base64.b64encode(buffer.getvalue()).decode()


def size_of(image: Image.Image) -> str:
    """As OpenAI writes it."""
    return f"{image.width}x{image.height}"
