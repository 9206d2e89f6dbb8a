"""Classifier-free guidance with Delta-Bridge (paper, "Delta-Bridge"); with strength 0 it is diffusers' own, bit for bit."""

from __future__ import annotations

from torch import Tensor

from seal_sdk.generation.guidance.rows import GuidanceRows
from seal_sdk.method.delta_bridge import bridge


def apply(rows: GuidanceRows, guided: Tensor) -> Tensor:
    """The guided prediction. It starts from the rows, so it is the first rule."""
    settings = rows.settings.delta_bridge
    return bridge(
        rows.uncond,
        rows.generation,
        rows.appearance,
        guidance_scale=rows.scale,
        strength=rows.bridge.strength,
        base=rows.bridge.base,
        low_pass_iterations=settings.low_pass,
        region=rows.region if settings.region == "subject" else None,
    )
