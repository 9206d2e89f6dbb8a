"""What diffusers' UNet pipelines have in common; a family adds how it encodes prompts and where structure is injected."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor, nn

from seal_sdk.backbone.adapters import active_adapters, kept_scales
from seal_sdk.backbone.attention import UNetSelfAttention, attention_layers, self_attention_layers
from seal_sdk.backbone.base import StructureDefaults
from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.backbone.control import ActiveControl, ControlModel, Host, PackedControl, control_model, nets_of
from seal_sdk.backbone.cross_attention import check_cross_attention, check_lora_scale
from seal_sdk.backbone.fingerprint import Fingerprints
from seal_sdk.backbone.geometry import LatentGeometry
from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.image_prompt import ImagePrompt
from seal_sdk.backbone.ip_adapter import IPAdapters, image_branch
from seal_sdk.backbone.lock import exclusive
from seal_sdk.backbone.parts import model_parts, source_name
from seal_sdk.backbone.picture import Pictures
from seal_sdk.backbone.pipeline_state import PipelineState, lend
from seal_sdk.backbone.placement import ExecutionDevice
from seal_sdk.backbone.prompt_options import NO_OPTIONS, Pair, PromptOptions
from seal_sdk.backbone.prompts import warn_if_truncated
from seal_sdk.backbone.readiness import check_pipeline
from seal_sdk.backbone.sampler import DiffusersSampler
from seal_sdk.backbone.schedule import OWN_SCHEDULE, CustomSchedule
from seal_sdk.backbone.scheduler_recipe import scheduler_recipe
from seal_sdk.backbone.training_schedule import alpha_bar
from seal_sdk.backbone.vae import decode_latents, encode_pixels
from seal_sdk.backbone.window import WHOLE, Window
from seal_sdk.backbone.words import Words
from seal_sdk.errors import UnsupportedModel
from seal_sdk.method.noise_level import NoiseLevel


class UNetBackbone(ABC):
    """Base of the backbones whose pipeline has a ``UNet2DConditionModel``; see `seal_sdk.backbone.base.Backbone`.

    pipe: a pipeline of diffusers. controlnet: what `control.load_controlnet` gives, or None.
    """

    family: ClassVar[str]
    pipeline_class: ClassVar[Any]
    """diffusers' class; its pipelines have no types."""
    single_file_keys: ClassVar[Mapping[str, str]]
    """The text encoders of this family's single-file checkpoints, and how the names of their weights start."""
    text_encoders: ClassVar[tuple[str, ...]]
    unread_layers: ClassVar[int]
    """How many of the text encoders' last layers its pipelines leave out without ``clip_skip``."""
    callback_embeds: ClassVar[tuple[str, ...]]
    """diffusers' names of what a prompt becomes, where step callbacks read and change it."""
    img2img_strength: ClassVar[float]
    inpaint_strength: ClassVar[float]
    upcasts_vae: ClassVar[bool]
    """Whether its pipelines run a VAE in fp32 that overflows in fp16."""

    def __init__(self, pipe: Any, controlnet: nn.Module | None = None) -> None:
        self.pipe, self.controlnet = pipe, controlnet
        self._fingerprints, self._device = Fingerprints(), ExecutionDevice(pipe)
        self._unmasked: dict[object, Tensor] = {}

    @classmethod
    @abstractmethod
    def accepts(cls, pipe: Any) -> bool:
        """Whether a pipeline is of this family."""

    @abstractmethod
    def encode_prompt(
        self, prompt: str | None, size: Pair, *, clip_skip: int | None = None, options: PromptOptions = NO_OPTIONS
    ) -> Conditioning:
        """Conditioning of one prompt, None where the options have its embeddings, for an image of (height, width) pixels."""

    @abstractmethod
    def encode_prompt_pair(
        self,
        prompt: str | None,
        negative_prompt: str | None,
        size: Pair,
        *,
        clip_skip: int | None = None,
        options: PromptOptions = NO_OPTIONS,
    ) -> tuple[Conditioning, Conditioning]:
        """(unconditional, conditional), exactly as the family's pipeline prepares them for one prompt."""

    @abstractmethod
    def check_options(self, options: PromptOptions) -> None:
        """Raise InputError for options that the family does not have, or that do not fit the model."""

    @property
    @abstractmethod
    def structure_defaults(self) -> StructureDefaults:
        """How structure is injected unless the caller says otherwise."""

    def conditioning_recipe(self, size: tuple[int, int]) -> Mapping[str, Any]:
        """What the conditioning of an image of (height, width) says beside its prompt."""
        return {}

    @property
    def _unet(self) -> UNet2DConditionModel:
        """The UNet itself, without the wrapper of ``torch.compile``: its configuration and its modules."""
        unet: UNet2DConditionModel = getattr(self.pipe.unet, "_orig_mod", self.pipe.unet)
        return unet

    @property
    def device(self) -> torch.device:
        """Where it computes, also while its weights are offloaded."""
        return self._device()

    @property
    def dtype(self) -> torch.dtype:
        """Of its latents, and of its keys and values."""
        return self._unet.dtype

    @property
    def geometry(self) -> LatentGeometry:
        """Its latents: size, channels, grids."""
        factor, config = self.pipe.vae_scale_factor, self._unet.config
        halvings = len(config["down_block_types"]) - 1
        channels = self.pipe.vae.config["latent_channels"]
        return LatentGeometry(factor, channels, halvings, config["sample_size"] * factor)

    @property
    def pictures(self) -> Pictures:
        """How pictures and masks become what the model paints into."""
        return Pictures(self, self._fingerprints.of, self._unmasked)

    @property
    def modules(self) -> list[nn.Module]:
        """What a call changes while it runs."""
        return [*model_parts(self).values(), *(() if self.controlnet is None else nets_of(self.controlnet))]

    @property
    def lock(self) -> AbstractContextManager[None]:
        """Keeps other threads from the model, whichever session or pipeline they come through."""
        return self._device.held(exclusive(self.modules))

    @property
    def name(self) -> str:
        """What people call the model (`parts.source_name`)."""
        return source_name(self.pipe)

    @property
    def scheduler_name(self) -> str:
        """The scheduler's class."""
        return type(self.pipe.scheduler).__name__

    @property
    def guidance_is_embedded(self) -> bool:
        """Whether guidance is an input (LCM-distilled UNets) instead of a second row."""
        return self._unet.config["time_cond_proj_dim"] is not None

    @property
    def train_timesteps(self) -> int:
        """Length of the training schedule."""
        return int(self.pipe.scheduler.config.num_train_timesteps)

    @property
    def control_model(self) -> ControlModel | None:
        """The session's ControlNet or T2I-Adapter, None without one."""
        if self.controlnet is None:
            return None
        return control_model(self.controlnet, Host(self._unet, self.device, self.geometry.pixels_per_latent))

    def check_ready(self) -> None:
        """Raise UnsupportedModel when the pipeline is in a state that the method cannot work with (`readiness.OBSTACLES`)."""
        check_pipeline(self.pipe, self._unet)

    def hooks(self) -> Hooks:
        """A context for hooks on the UNet: they are gone when it is left in any way."""
        return Hooks(self.pipe.unet)

    def check_clip_skip(self, clip_skip: int | None) -> None:
        """Raise InputError unless this many of the text encoders' last layers can be skipped; None skips none."""
        if clip_skip is not None:
            self.words.check_clip_skip(clip_skip, self.unread_layers)

    @property
    def ip_adapters(self) -> IPAdapters:
        """The IP-Adapters that are loaded."""
        return IPAdapters(self.pipe, self._unet, self._fingerprints.of)

    def check_cross_attention(self, given: Any, prompt: ImagePrompt, infused: bool) -> None:
        """Raise InputError for ``cross_attention_kwargs`` that do not fit the UNet, or the references' K/V where these are infused."""
        check_cross_attention(given, prompt, self.ip_adapters)
        if infused:
            check_lora_scale(given, self._unet, *self._text_encoders)

    @property
    def words(self) -> Words:
        """Whether it can read words."""
        return Words(self.pipe, self.text_encoders, self._unet.config["cross_attention_dim"])

    def warn_if_truncated(self, prompt: str) -> None:
        """Warn with PromptTruncated when the tokenizer would cut the prompt (77 tokens for CLIP)."""
        warn_if_truncated(self.pipe.tokenizer or self.pipe.tokenizer_2, prompt)

    def encode_image(self, image: Image.Image) -> Tensor:
        """Latents (1, C, h, w) of an RGB image; the same image always gives the same latents. Raises NumericalError."""
        pixels = self.pipe.image_processor.preprocess(image).to(self.device)
        return encode_pixels(self.pipe.vae, pixels, self.upcasts_vae).to(self.dtype)

    def decode(self, latents: Tensor, output_type: str) -> Any:
        """One image of latents (1, C, h, w), in diffusers' ``output_type``. Raises NumericalError."""
        pixels = decode_latents(self.pipe.vae, latents, self.upcasts_vae)
        if getattr(self.pipe, "watermark", None) is not None:
            pixels = self.pipe.watermark.apply_watermark(pixels)
        return self.pipe.image_processor.postprocess(pixels, output_type=output_type)[0]

    def self_attention_layers(self, blocks: Sequence[str]) -> tuple[UNetSelfAttention, ...]:
        """The attn1 layers of the named blocks ("down", "mid", "up"). Raises UnsupportedModel for a block without any."""
        return self_attention_layers(self._unet, blocks)

    def cross_attention_layers(self) -> tuple[UNetSelfAttention, ...]:
        """All attn2 layers."""
        return attention_layers(self._unet, "attn2")

    def feature_modules(self, names: Sequence[str]) -> list[nn.Module]:
        """The UNet's modules of these dotted names. Raises UnsupportedModel for unknown ones."""
        modules = dict(self._unet.named_modules())
        unknown = [name for name in names if name not in modules]
        if unknown:
            raise UnsupportedModel(f"features={tuple(names)}: this UNet has no {', '.join(unknown)}; leave it out.")
        return [modules[name] for name in names]

    def alpha_bar(self, timestep: float | Tensor) -> float:
        """Cumulative alpha of the training schedule at a timestep, rounded to the nearest.

        Raises UnsupportedModel for schedulers that are not of the model's own kind.
        """
        return alpha_bar(self.pipe.scheduler, timestep)

    def noise_level(self, timestep: float | Tensor) -> NoiseLevel:
        """Signal and noise at a timestep of the training schedule. Raises UnsupportedModel as ``alpha_bar`` does."""
        return NoiseLevel.from_alpha_bar(self.alpha_bar(timestep), self.pipe.scheduler.config.prediction_type)

    def draw_noise(self, shape: tuple[int, int, int, int], generators: Sequence[torch.Generator]) -> Tensor:
        """Noise (B, C, h, w) as diffusers' pipelines draw it: each image's from its own generator, or all at once from one."""
        noise: Tensor = randn_tensor(shape, list(generators), self.device, self.dtype)
        return noise

    def sampler(
        self,
        num_inference_steps: int,
        generators: Sequence[torch.Generator] | torch.Generator | None = None,
        schedule: CustomSchedule = OWN_SCHEDULE,
        window: Window = WHOLE,
    ) -> DiffusersSampler:
        """A copy of the pipeline's scheduler, set up for one call.

        generators: one per image or one for all, for schedulers that draw noise.
        schedule: its own steps come before num_inference_steps. window: the part that is sampled.
        Raises InputError where the scheduler does not take the schedule, or the window leaves nothing of it.
        """
        arguments = self.pipe.prepare_extra_step_kwargs(generators, schedule.eta)
        return DiffusersSampler(self.pipe.scheduler, num_inference_steps, self.device, arguments, schedule, window)

    @contextmanager
    def sampling(
        self,
        guidance_scale: float,
        num_timesteps: int,
        window: Window = WHOLE,
        cross_attention_kwargs: Mapping[str, Any] | None = None,
    ) -> Iterator[PipelineState]:
        """While inside, step callbacks see this call's state; afterwards the pipeline is as it was found."""
        with (
            kept_scales(self._unet, *self._text_encoders),
            lend(self.pipe, guidance_scale, num_timesteps, window, cross_attention_kwargs) as state,
        ):
            yield state

    def predict(
        self,
        noisy: Tensor,
        timestep: Tensor,
        conditioning: Conditioning,
        *,
        guidance_scale: float | None = None,
        control: ActiveControl | PackedControl | None = None,
        cross_attention_kwargs: Mapping[str, Any] | None = None,
        mask_input: Tensor | None = None,
    ) -> Tensor:
        """What the UNet predicts, (R, C, h, w), of noisy latents (R, C, h, w) with R rows of conditioning."""
        with image_branch(self._unet, conditioning.image_embeds) as images:
            prediction: Tensor = self.pipe.unet(
                self.pictures.model_input(noisy, mask_input),
                timestep,
                encoder_hidden_states=conditioning.embeds,
                timestep_cond=self._guidance_embedding(noisy, guidance_scale),
                cross_attention_kwargs=cross_attention_kwargs,
                added_cond_kwargs={**conditioning.added, **images} or None,
                return_dict=False,
                **({} if control is None else control.residuals(noisy, timestep, conditioning)),
            )[0]
        return prediction

    def _guidance_embedding(self, noisy: Tensor, guidance_scale: float | None) -> Tensor | None:
        if guidance_scale is None or not self.guidance_is_embedded:
            return None
        scale, width = torch.full((len(noisy),), guidance_scale - 1), self._unet.config["time_cond_proj_dim"]
        embedding: Tensor = self.pipe.get_guidance_scale_embedding(scale, embedding_dim=width)
        return embedding.to(noisy)

    def release(self) -> None:
        """Send offloaded models back to where they wait, as diffusers' pipelines do after a call."""
        self.pipe.maybe_free_model_hooks()

    def fingerprint(self) -> dict[str, str | bool | None]:
        """Digests of UNet, VAE and text encoders as loaded, and how the VAE works."""
        vae = self.pipe.vae
        return {
            "unet": self._fingerprints.of(self._unet),
            "vae": self._fingerprints.of(vae),
            "vae_tiling": bool(getattr(vae, "use_tiling", False)),
            "vae_slicing": bool(getattr(vae, "use_slicing", False)),
            **{name: self._fingerprints.of(getattr(self.pipe, name, None)) for name in self.text_encoders},
        }

    @property
    def _text_encoders(self) -> list[nn.Module | None]:
        return [getattr(self.pipe, name, None) for name in self.text_encoders]

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the UNet's active adapters."""
        return active_adapters(self._unet)

    def scheduler_recipe(self) -> dict[str, Any]:
        """Class and configuration of the scheduler, which set the noise level of each timestep."""
        return scheduler_recipe(self.pipe.scheduler)
