"""Guidance rescale (Lin et al., arXiv 2305.08891), diffusers' own."""

from __future__ import annotations

from typing import Any

from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import rescale_noise_cfg
from torch import Tensor


def rescale_guidance(guided: Tensor, conditional: Tensor, share: float) -> Tensor:
    """The guided prediction with the standard deviation of the conditional one, both (B, C, h, w), mixed in by ``share`` in [0, 1]."""
    rescale: Any = rescale_noise_cfg  # it has no types
    rescaled: Tensor = rescale(guided, conditional, guidance_rescale=share)
    return rescaled
