"""Stable Diffusion XL: two text encoders, a pooled embedding, and size ids (micro-conditioning)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from diffusers import StableDiffusionXLPipeline
from torch import Tensor

from seal_sdk.backbone.base import StructureLayers
from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.backbone.prompt_options import NO_OPTIONS, Pair, PromptOptions
from seal_sdk.backbone.unet import UNetBackbone


class SDXLBackbone(UNetBackbone):
    """A ``StableDiffusionXLPipeline``, or another pipeline with the same parts."""

    family = "Stable Diffusion XL"
    pipeline_class = StableDiffusionXLPipeline
    single_file_keys: ClassVar = {
        "the first text encoder": "conditioner.embedders.0.transformer.",
        "the second text encoder": "conditioner.embedders.1.model.",
    }
    text_encoders = ("text_encoder", "text_encoder_2")
    unread_layers = 1
    upcasts_vae = True

    @classmethod
    def accepts(cls, pipe: Any) -> bool:
        """Whether its UNet takes text_time embeddings."""
        return getattr(pipe.unet.config, "addition_embed_type", None) == "text_time"

    @property
    def structure_layers(self) -> StructureLayers:
        """Ctrl-X injects the first ResNet of ``up_blocks.0`` and Q and K there; the benchmark prefers two ResNets (ours)."""
        return StructureLayers(features=("up_blocks.0.resnets.0", "up_blocks.0.resnets.1"), attention=("up0",))

    def encode_prompt(
        self, prompt: str | None, size: Pair, *, clip_skip: int | None = None, options: PromptOptions = NO_OPTIONS
    ) -> Conditioning:
        """Conditioning of one prompt for an image of (height, width) pixels; uncropped unless the options say otherwise."""
        embeds, _, pooled, _ = self.pipe.encode_prompt(
            prompt,
            prompt_2=options.prompt_2,
            device=self.device,
            do_classifier_free_guidance=False,
            clip_skip=clip_skip,
            lora_scale=options.lora_scale,
            **options.embeds.given,
        )
        return _conditioning(embeds, pooled, options.size_ids.conditional(size))

    def encode_prompt_pair(
        self,
        prompt: str | None,
        negative_prompt: str | None,
        size: Pair,
        *,
        clip_skip: int | None = None,
        options: PromptOptions = NO_OPTIONS,
    ) -> tuple[Conditioning, Conditioning]:
        """(unconditional, conditional), exactly as ``StableDiffusionXLPipeline.__call__`` prepares them for one prompt."""
        embeds, negative, pooled, negative_pooled = self.pipe.encode_prompt(
            prompt,
            prompt_2=options.prompt_2,
            device=self.device,
            do_classifier_free_guidance=True,
            negative_prompt=negative_prompt,
            negative_prompt_2=options.negative_prompt_2,
            clip_skip=clip_skip,
            lora_scale=options.lora_scale,
            **options.embeds.given,
        )
        ids = options.size_ids
        return (
            _conditioning(negative, negative_pooled, ids.unconditional(size)),
            _conditioning(embeds, pooled, ids.conditional(size)),
        )

    def check_options(self, options: PromptOptions) -> None:
        """SDXL has them all. Raises InputError for embeddings that do not fit, or lack the pooled ones."""
        config = self._unet.config
        pooled = (
            config["projection_class_embeddings_input_dim"] - config["addition_time_embed_dim"] * 6
        )  # beside the size ids
        options.embeds.check(config["cross_attention_dim"], pooled)

    def conditioning_recipe(self, size: tuple[int, int]) -> Mapping[str, Any]:
        """The size ids of an uncropped image of (height, width)."""
        return {"time_ids": [*size, 0, 0, *size]}


def _conditioning(embeds: Tensor, pooled: Tensor, size_ids: tuple[int, ...]) -> Conditioning:
    """With SDXL's size ids: original size, crop, target size."""
    ids = torch.tensor([size_ids], dtype=embeds.dtype, device=embeds.device)
    return Conditioning(embeds, {"text_embeds": pooled.to(embeds.device), "time_ids": ids})
