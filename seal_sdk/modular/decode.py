"""Decoding image by image, so that a batch gives bit for bit what single calls give."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers.modular_pipelines.modular_pipeline import ModularPipelineBlocks, PipelineState
from diffusers.modular_pipelines.modular_pipeline_utils import ComponentSpec, ConfigSpec, InputParam, OutputParam
from diffusers.modular_pipelines.stable_diffusion_xl.modular_blocks_stable_diffusion_xl import (
    StableDiffusionXLAutoDecodeStep,
)
from torch import Tensor

from seal_sdk.modular.inputs import IDENTITY


class IdentityDecodeStep(ModularPipelineBlocks):
    """diffusers' decoding; with an identity, image by image."""

    model_name = "stable-diffusion-xl"

    def __init__(self) -> None:
        super().__init__()
        self.decoder = StableDiffusionXLAutoDecodeStep()

    @property
    def description(self) -> str:
        """For people."""
        return "Decoding of the latents, image by image where an identity is drawn"

    @property
    def expected_components(self) -> list[ComponentSpec]:
        """Diffusers' own."""
        return self.decoder.expected_components

    @property
    def expected_configs(self) -> list[ConfigSpec]:
        """Diffusers' own."""
        return self.decoder.expected_configs

    @property
    def inputs(self) -> list[InputParam]:
        """Diffusers' own, and the identity."""
        return [*self.decoder.inputs, IDENTITY]

    @property
    def intermediate_outputs(self) -> list[OutputParam]:
        """Diffusers' own."""
        return self.decoder.intermediate_outputs

    @torch.no_grad()
    def __call__(self, components: Any, state: PipelineState) -> tuple[Any, PipelineState]:
        """Decode the latents (B, C, h, w) of the state."""
        latents = state.get("latents")
        if state.get("identity") is None:
            return self.decoder(components, state)
        images = []
        for image in latents.split(1):
            state.set("latents", image)
            self.decoder(components, state)
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
