"""One call's sampling: diffusers' own parameters, lent to the pipeline while it runs, and the time that each phase takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from diffusers import StableDiffusionXLPipeline
from torch import Tensor

BORROWED = (
    "_guidance_scale",
    "_guidance_rescale",
    "_clip_skip",
    "_cross_attention_kwargs",
    "_denoising_end",
    "_interrupt",
    "_num_timesteps",
)


@dataclass(frozen=True)
class Sampling:
    """One call's sampling: size (height, width) in pixels and diffusers' own parameters."""

    size: tuple[int, int]
    num_inference_steps: int
    guidance_scale: float
    clip_skip: int | None = None
    latents: Tensor | None = None


@dataclass
class Clock:
    """Seconds by phase."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - started


@contextmanager
def borrowed(pipe: StableDiffusionXLPipeline, sampling: Sampling) -> Iterator[None]:
    """Set what diffusers' step callbacks read from the pipeline, and leave it afterwards as it was found."""
    before = {name: pipe.__dict__[name] for name in BORROWED if name in pipe.__dict__}
    pipe._guidance_scale, pipe._interrupt, pipe._num_timesteps = (
        sampling.guidance_scale,
        False,
        sampling.num_inference_steps,
    )
    try:
        yield
    finally:
        for name in BORROWED:
            pipe.__dict__.pop(name, None)
        pipe.__dict__.update(before)
        pipe.maybe_free_model_hooks()
