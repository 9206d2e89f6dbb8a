"""Guidance rescale (Lin et al., arXiv 2305.08891), diffusers' own."""

from __future__ import annotations

from torch import Tensor

from seal_sdk.backbone.rescale import rescale_guidance
from seal_sdk.generation.guidance.rows import GuidanceRows


def apply(rows: GuidanceRows, guided: Tensor) -> Tensor:
    """The prediction with the conditional row's standard deviation mixed in, where there is guidance and it is asked for."""
    share = rows.settings.sampling.guidance_rescale
    conditional = rows.generation if rows.generation is not None else rows.appearance
    if rows.uncond is None or conditional is None or share <= 0:
        return guided
    return rescale_guidance(guided, conditional, share)
