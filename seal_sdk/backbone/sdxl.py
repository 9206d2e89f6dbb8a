"""Stable Diffusion XL: two text encoders, a pooled embedding, and size ids (micro-conditioning)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from diffusers import StableDiffusionXLPipeline
from torch import Tensor

from seal_sdk.backbone.base import StructureDefaults
from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.backbone.prompt_options import NO_OPTIONS, OWN_SIZE, SCORES, Ids, Pair, PromptOptions
from seal_sdk.backbone.unet import UNetBackbone
from seal_sdk.errors import InputError

SMALL = 32  # latents a side that a model was trained for, up to which it is as small as the embedded one


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
    callback_embeds = ("prompt_embeds", "add_text_embeds", "add_time_ids")
    img2img_strength = 0.3
    inpaint_strength = 0.9999
    upcasts_vae = True

    @classmethod
    def accepts(cls, pipe: Any) -> bool:
        """Whether its UNet takes text_time embeddings."""
        return getattr(pipe.unet.config, "addition_embed_type", None) == "text_time"

    @property
    def structure_defaults(self) -> StructureDefaults:
        """Ctrl-X's: the first ResNet of ``up_blocks.0``, and Q and K there, for 60 % of the steps.

        Models as small as the embedded one: both ResNets of that block, for all steps, as the benchmark prefers (ours).
        """
        if self._unet.config["sample_size"] <= SMALL:
            return StructureDefaults(("up_blocks.0.resnets.0", "up_blocks.0.resnets.1"), ("up0",), end=1.0)
        return StructureDefaults(("up_blocks.0.resnets.0",), ("up0",), end=0.6)

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
        return _conditioning(embeds, pooled, options.size_ids.conditional(size, self._scored))

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
            _conditioning(negative, negative_pooled, ids.unconditional(size, self._scored, options.has_picture)),
            _conditioning(embeds, pooled, ids.conditional(size, self._scored)),
        )

    def check_options(self, options: PromptOptions) -> None:
        """Raise InputError for embeddings that do not fit, or lack the pooled ones, and for scores that the model does not take."""
        config = self._unet.config
        options.embeds.check(config["cross_attention_dim"], self._pooled_width(5 if self._scored else 6))
        scores = [name for name in SCORES if name in options.size_ids.given]
        if scores and not self._scored:
            raise InputError(
                f"{', '.join(scores)}: this model takes no aesthetic score (SDXL's refiner does); leave it out."
            )
        if self._scored and not options.has_picture:
            raise InputError(
                "This model (SDXL's refiner) refines pictures: give image=, or latents of the base model as image=."
            )

    def _pooled_width(self, size_ids: int) -> int:
        """Width of the pooled embedding beside so many size ids."""
        config = self._unet.config
        return int(config["projection_class_embeddings_input_dim"] - config["addition_time_embed_dim"] * size_ids)

    @property
    def _scored(self) -> bool:
        """Whether it takes an aesthetic score in place of a target size, as SDXL's refiner does."""
        if self.pipe.text_encoder_2 is None:
            return bool(self.pipe.config.get("requires_aesthetics_score"))
        return bool(self._pooled_width(5) == self.pipe.text_encoder_2.config.projection_dim)

    def conditioning_recipe(self, size: tuple[int, int]) -> Mapping[str, Any]:
        """The size ids of an uncropped image of (height, width)."""
        return {"time_ids": [*OWN_SIZE.conditional(size, self._scored)]}


def _conditioning(embeds: Tensor, pooled: Tensor, size_ids: Ids) -> Conditioning:
    """With SDXL's size ids: original size, crop, target size."""
    ids = torch.tensor([size_ids], dtype=embeds.dtype, device=embeds.device)
    return Conditioning(embeds, {"text_embeds": pooled.to(embeds.device), "time_ids": ids})
