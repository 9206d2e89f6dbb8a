"""The diffusion model as everything above sees it: one protocol, which each family of models implements.

Nothing here assumes a UNet. A transformer (DiT) has a list of like layers instead of mid and up blocks, attends to text and image
tokens at once, rotates Q and K, may be trained with flow matching, and may take guidance as an input. So layers are named and
grouped by the backbone, projections are those of the image's tokens alone, noise levels are `NoiseLevel`, and ``predict`` is told the
guidance scale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from PIL import Image
from torch import Tensor, nn

from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.backbone.control import ActiveControl, ControlModel, PackedControl
from seal_sdk.backbone.geometry import LatentGeometry
from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.image_prompt import ImagePrompt
from seal_sdk.backbone.ip_adapter import IPAdapters
from seal_sdk.backbone.picture import Pictures
from seal_sdk.backbone.prompt_options import NO_OPTIONS, Pair, PromptOptions
from seal_sdk.backbone.schedule import OWN_SCHEDULE, CustomSchedule
from seal_sdk.backbone.window import WHOLE, Window
from seal_sdk.backbone.words import Words
from seal_sdk.method.noise_level import NoiseLevel

KeyValue = tuple[Tensor, Tensor]
"""K and V of one layer, (tokens, channels) each, heads concatenated."""

Projection = Literal["query", "key", "value"]
Change = Callable[[Tensor], Tensor | None]
"""Called with a tensor; what it returns, unless None, takes the tensor's place."""


class SelfAttention(Protocol):
    """One self-attention layer. group: the block it belongs to (``mid``, ``up0``, ...). channels: of its keys and values."""

    @property
    def name(self) -> str:
        """Unique within the model, and the same each time it is loaded."""

    @property
    def group(self) -> str:
        """Layers of a group have grids and channels of one size."""

    @property
    def heads(self) -> int:
        """Attention heads."""

    @property
    def channels(self) -> int:
        """Channels of its keys and values, over all heads."""

    @property
    def kernel(self) -> str:
        """The attention implementation in use: other kernels give other bits."""

    def grid(self, latent_size: tuple[int, int]) -> tuple[int, int]:
        """(rows, columns) of the image's tokens, for latents of (height, width)."""

    def after(self, projection: Projection, hooks: Hooks, change: Change) -> None:
        """Call ``change`` on Q, K or V of the image's tokens, (R, tokens, channels)."""

    def before_output(self, hooks: Hooks, change: Change) -> None:
        """Call ``change`` on what attention gives, (R, tokens, channels), before its output projection."""


@dataclass(frozen=True)
class StructureDefaults:
    """How structure is injected: modules whose output is, groups of layers whose Q and K are, and the progress at which it ends."""

    features: tuple[str, ...]
    attention: tuple[str, ...]
    end: float


class Sampler(Protocol):
    """A scheduler set up for one call."""

    @property
    def timesteps(self) -> Tensor:
        """(steps,) in the order of sampling."""

    @property
    def initial_scale(self) -> float:
        """What unit noise is multiplied by to become the first latents."""

    def progress(self, index: int) -> float:
        """Progress gamma in [0, 1] (paper) of the whole schedule at a step, of which a window may leave out the ends."""

    def add_noise(self, clean: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
        """Clean latents (B, C, h, w) at the noise level of a timestep (1,); of the next step where sampling has begun."""

    def model_input(self, latents: Tensor, timestep: Tensor) -> Tensor:
        """The latents as the model takes them."""

    def step(self, prediction: Tensor, timestep: Tensor, latents: Tensor) -> Tensor:
        """The latents after one step, in their own dtype."""


class SamplingState(Protocol):
    """What step callbacks may read and change while a call runs."""

    @property
    def guidance_scale(self) -> float:
        """Of classifier-free guidance, at this step."""

    @property
    def interrupted(self) -> bool:
        """Whether a callback asked to stop."""


class Backbone(Protocol):
    """A diffusion model with all that goes with it: text encoders, VAE, scheduler, and a ControlNet if there is one."""

    @property
    def device(self) -> torch.device:
        """Where it computes, also while its weights are offloaded."""

    @property
    def dtype(self) -> torch.dtype:
        """Of its latents, and of its keys and values."""

    @property
    def geometry(self) -> LatentGeometry:
        """Its latents: size, channels, grids."""

    @property
    def lock(self) -> AbstractContextManager[None]:
        """Keeps other threads from the model, whichever session or pipeline they come through. First come, first served."""

    @property
    def name(self) -> str:
        """What people call the model; not a digest."""

    @property
    def scheduler_name(self) -> str:
        """The scheduler's class."""

    @property
    def guidance_is_embedded(self) -> bool:
        """Whether guidance is an input (distilled models) instead of a second, unconditional row."""

    @property
    def train_timesteps(self) -> int:
        """Length of the training schedule: timesteps are from 0 to this - 1."""

    @property
    def structure_defaults(self) -> StructureDefaults:
        """How structure is injected unless the caller says otherwise."""

    @property
    def ip_adapters(self) -> IPAdapters:
        """The IP-Adapters that are loaded, which read image prompts."""

    @property
    def control_model(self) -> ControlModel | None:
        """The session's ControlNet or T2I-Adapter, None without one."""

    def check_ready(self) -> None:
        """Raise UnsupportedModel when the model is in a state that the method cannot work with."""

    def check_options(self, options: PromptOptions) -> None:
        """Raise InputError for options that the family does not have, or that do not fit the model."""

    def hooks(self) -> Hooks:
        """A context for hooks on the model: they are gone when it is left in any way."""

    def check_clip_skip(self, clip_skip: int | None) -> None:
        """Raise InputError for a number of layers that the text encoders cannot skip."""

    def check_cross_attention(self, given: Any, prompt: ImagePrompt, infused: bool) -> None:
        """Raise InputError for ``cross_attention_kwargs`` that do not fit the model. infused: whether references' K/V are used."""

    @property
    def words(self) -> Words:
        """How it reads words, if it can."""

    def warn_if_truncated(self, prompt: str) -> None:
        """Warn with PromptTruncated when the text encoders do not read the whole prompt."""

    def encode_prompt(
        self, prompt: str | None, size: Pair, *, clip_skip: int | None = None, options: PromptOptions = NO_OPTIONS
    ) -> Conditioning:
        """Conditioning of one prompt, None where the options have its embeddings, for an image of (height, width) pixels."""

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

    @property
    def pictures(self) -> Pictures:
        """How pictures and masks become what the model paints into."""

    def encode_image(self, image: Image.Image) -> Tensor:
        """Latents (1, C, h, w) of an RGB image; the same image always gives the same latents."""

    def decode(self, latents: Tensor, output_type: str) -> Any:
        """One image of latents (1, C, h, w), in diffusers' ``output_type``."""

    def self_attention_layers(self, blocks: Sequence[str]) -> tuple[SelfAttention, ...]:
        """The layers of the named blocks in the model's own order. Raises UnsupportedModel for a block without any."""

    def cross_attention_layers(self) -> tuple[SelfAttention, ...]:
        """All layers in which the image attends to the prompt: "query" is of the image, "key" and "value" of the prompt's tokens."""

    def feature_modules(self, names: Sequence[str]) -> list[nn.Module]:
        """Modules whose output structure injection replaces. Raises UnsupportedModel for unknown names."""

    def noise_level(self, timestep: float | Tensor) -> NoiseLevel:
        """Signal and noise at a timestep of the training schedule."""

    def draw_noise(self, shape: tuple[int, int, int, int], generators: Sequence[torch.Generator]) -> Tensor:
        """Noise (B, C, h, w) as the family's pipeline draws it: each image's from its own generator, or all at once from one."""

    def sampler(
        self,
        num_inference_steps: int,
        generators: Sequence[torch.Generator] | torch.Generator | None = None,
        schedule: CustomSchedule = OWN_SCHEDULE,
        window: Window = WHOLE,
    ) -> Sampler:
        """A scheduler of its own for one call. generators: one per image or one for all, for schedulers that draw noise.

        schedule: its own steps come before num_inference_steps. window: the part that is sampled.
        Raises InputError where the scheduler does not take the schedule, or the window leaves nothing of it.
        """

    def sampling(
        self,
        guidance_scale: float,
        num_timesteps: int,
        window: Window = WHOLE,
        cross_attention_kwargs: Mapping[str, Any] | None = None,
    ) -> AbstractContextManager[SamplingState]:
        """While inside, step callbacks see this call's state; afterwards everything is as it was found."""

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
        """What the model predicts, (R, C, h, w), of noisy latents (R, C, h, w) with R rows of conditioning.

        guidance_scale: for models whose guidance is an input; None tells them none. control: of the session's ``control_model``.
        cross_attention_kwargs: for attention processors. mask_input: (R, 1 + C, h, w), mask and latents of the masked picture, for models
        that take them; None: everything is painted.
        """

    def release(self) -> None:
        """Send offloaded models back to where they wait; `sampling` ends so too."""

    def fingerprint(self) -> dict[str, str | bool | None]:
        """The model by content: everything but the scheduler that can change K and V."""

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the active LoRAs and the like, for people; the fingerprint has them by content."""

    def scheduler_recipe(self) -> dict[str, Any]:
        """Class and configuration of the scheduler, which set the noise level of each timestep."""

    def conditioning_recipe(self, size: tuple[int, int]) -> Mapping[str, Any]:
        """What the conditioning of an image of (width, height) says beside its prompt."""
