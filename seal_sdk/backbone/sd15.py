"""Stable Diffusion 1.5 and 2.1: one text encoder, and no conditioning beside the prompt."""

from __future__ import annotations

from typing import Any, ClassVar

from diffusers import StableDiffusionPipeline

from seal_sdk.backbone.base import StructureDefaults
from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.backbone.prompt_options import NO_OPTIONS, Pair, PromptOptions
from seal_sdk.backbone.unet import UNetBackbone
from seal_sdk.errors import InputError


class SD15Backbone(UNetBackbone):
    """A ``StableDiffusionPipeline``."""

    family = "Stable Diffusion 1.5 or 2.1"
    pipeline_class = StableDiffusionPipeline
    single_file_keys: ClassVar = {"the text encoder": "cond_stage_model."}
    text_encoders = ("text_encoder",)
    unread_layers = 0
    callback_embeds = ("prompt_embeds",)
    img2img_strength = 0.8
    inpaint_strength = 1.0
    upcasts_vae = False

    @classmethod
    def accepts(cls, pipe: Any) -> bool:
        """Whether its UNet takes the prompt alone, but for the images of IP-Adapters."""
        config = pipe.unet.config
        conditions = ("addition_embed_type", "class_embed_type", "encoder_hid_dim_type")
        return all(getattr(config, each, None) in (None, "ip_image_proj") for each in conditions)

    @property
    def structure_defaults(self) -> StructureDefaults:
        """As in Plug-and-Play (Tumanyan et al., CVPR 2023): a ResNet of ``up_blocks.1``, and Q and K of all up blocks.

        It ends after 80 % of the steps, as their features do. ``up_blocks.0`` has no attention here. Not measured.
        """
        groups = dict.fromkeys(layer.group for layer in self.self_attention_layers(("up",)))
        return StructureDefaults(features=("up_blocks.1.resnets.1",), attention=tuple(groups), end=0.8)

    def encode_prompt(
        self, prompt: str | None, size: Pair, *, clip_skip: int | None = None, options: PromptOptions = NO_OPTIONS
    ) -> Conditioning:
        """Conditioning of one prompt; the image's size does not matter."""
        embeds, _ = self.pipe.encode_prompt(
            prompt,
            self.device,
            1,
            False,
            lora_scale=options.lora_scale,
            clip_skip=clip_skip,
            **options.embeds.given,
        )
        return Conditioning(embeds)

    def encode_prompt_pair(
        self,
        prompt: str | None,
        negative_prompt: str | None,
        size: Pair,
        *,
        clip_skip: int | None = None,
        options: PromptOptions = NO_OPTIONS,
    ) -> tuple[Conditioning, Conditioning]:
        """(unconditional, conditional), exactly as ``StableDiffusionPipeline.__call__`` prepares them for one prompt."""
        embeds, negative = self.pipe.encode_prompt(
            prompt,
            self.device,
            1,
            True,
            negative_prompt=negative_prompt,
            lora_scale=options.lora_scale,
            clip_skip=clip_skip,
            **options.embeds.given,
        )
        return Conditioning(negative), Conditioning(embeds)

    def check_options(self, options: PromptOptions) -> None:
        """Raise InputError for what needs a second text encoder or size ids, and for embeddings that do not fit."""
        options.embeds.check(self._unet.config["cross_attention_dim"], None)
        if options.prompt_2 is not None or options.negative_prompt_2 is not None:
            raise InputError(f"{self.family} has one text encoder: leave prompt_2 and negative_prompt_2 out.")
        if options.size_ids.given:
            raise InputError(f"{self.family} has no size ids: leave {', '.join(options.size_ids.given)} out.")

    def check_clip_skip(self, clip_skip: int | None) -> None:
        """Also raise InputError where diffusers cannot skip layers: it looks for a part that newer text encoders do not have."""
        super().check_clip_skip(clip_skip)
        if clip_skip is not None and not hasattr(self.pipe.text_encoder, "text_model"):
            raise InputError(
                f"clip_skip={clip_skip!r}: the installed diffusers cannot skip layers of this text encoder; leave clip_skip out."
            )
