"""A modular pipeline's model, behind the protocol that the method's parts know."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline

from seal_sdk.backbone.sdxl import SDXLBackbone
from seal_sdk.errors import ConfigError

PARTS = ("unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler")
"""What tells one model from another, and what prompt edits read with."""


class ModularBackbone(SDXLBackbone):
    """The parts of a modular pipeline, which it shares. components: that pipeline, which knows the device."""

    components: Any

    @classmethod
    def of(cls, components: Any) -> ModularBackbone:
        """The pipeline's model. Raises ConfigError where parts of it are missing."""
        parts = {name: getattr(components, name, None) for name in PARTS}
        missing = [
            name for name in ("unet", "vae", "text_encoder_2", "tokenizer_2", "scheduler") if parts[name] is None
        ]
        if missing:
            raise ConfigError(
                f"Drawing an identity needs the pipeline's {', '.join(missing)}, which tell its model from others: "
                f"pipe.update_components({missing[0]}=...)."
            )
        zeros = bool(getattr(components.config, "force_zeros_for_empty_prompt", True))
        make: Any = StableDiffusionXLPipeline
        return cls(make(**parts, force_zeros_for_empty_prompt=zeros, add_watermarker=False))

    @property
    def device(self) -> torch.device:
        """Where it computes, also while a ComponentsManager offloads its weights."""
        device: torch.device = self.components._execution_device
        return device
