"""What diffusers' step callbacks read from the pipeline while a call runs: set for the call, and restored after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from seal_sdk.backbone.window import WHOLE, Window

ATTRIBUTES = (
    "_guidance_scale",
    "_guidance_rescale",
    "_clip_skip",
    "_cross_attention_kwargs",
    "_denoising_start",
    "_denoising_end",
    "_interrupt",
    "_lora_scale",
    "_num_timesteps",
)


@dataclass(frozen=True)
class PipelineState:
    """The state that callbacks may change: they set ``pipe._guidance_scale`` and ``pipe._interrupt``."""

    pipe: Any

    @property
    def guidance_scale(self) -> float:
        """Of classifier-free guidance, at this step."""
        return float(self.pipe.guidance_scale)

    @property
    def interrupted(self) -> bool:
        """Whether a callback asked to stop."""
        return bool(self.pipe._interrupt)  # not every pipeline has diffusers' property of it


@contextmanager
def lend(
    pipe: Any,
    guidance_scale: float,
    num_timesteps: int,
    window: Window = WHOLE,
    cross_attention_kwargs: Mapping[str, Any] | None = None,
) -> Iterator[PipelineState]:
    """Set the state of one call, and leave the pipeline afterwards as it was found; offloaded models go back to where they were."""
    before = {name: pipe.__dict__[name] for name in ATTRIBUTES if name in pipe.__dict__}
    pipe._guidance_scale, pipe._interrupt, pipe._num_timesteps = guidance_scale, False, num_timesteps
    pipe._denoising_start, pipe._denoising_end = window.denoising_start, window.denoising_end
    pipe._cross_attention_kwargs = cross_attention_kwargs
    try:
        yield PipelineState(pipe)
    finally:
        for name in ATTRIBUTES:
            pipe.__dict__.pop(name, None)
        pipe.__dict__.update(before)
        pipe.maybe_free_model_hooks()
