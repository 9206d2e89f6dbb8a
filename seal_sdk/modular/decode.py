"""Decoding image by image, so that a batch gives bit for bit what single calls give."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers.modular_pipelines.modular_pipeline import PipelineState
from diffusers.modular_pipelines.stable_diffusion_xl.modular_blocks_stable_diffusion_xl import (
    StableDiffusionXLAutoDecodeStep,
)
from torch import Tensor

from seal_sdk.modular.inputs import IDENTITY
from seal_sdk.modular.wrapped import WrappedBlock


class IdentityDecodeStep(WrappedBlock):
    """diffusers' decoding; with an identity, image by image."""

    wrapped = StableDiffusionXLAutoDecodeStep
    own_inputs = (IDENTITY,)

    @torch.no_grad()
    def __call__(self, components: Any, state: PipelineState) -> tuple[Any, PipelineState]:
        """Decode the latents (B, C, h, w) of the state."""
        latents: Any = state.get("latents")
        if state.get("identity") is None:
            self.block(components, state)
            return components, state
        images = []
        for image in latents.split(1):
            state.set("latents", image)
            self.block(components, state)
            images.append(state.get("images"))
        state.set("latents", latents)
        state.set("images", _join(images))
        return components, state


def _join(images: list[Any]) -> Any:
    """One batch of batches of one."""
    if isinstance(images[0], Tensor):
        return torch.cat(images)
    if isinstance(images[0], np.ndarray):
        return np.concatenate(images)
    return [image for batch in images for image in batch]
