"""The settings that one call runs with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from seal_sdk.backbone.base import Backbone
from seal_sdk.backbone.control import NO_CONTROL, ControlArguments
from seal_sdk.backbone.image_prompt import NO_IMAGES, ImagePrompt
from seal_sdk.backbone.schedule import OWN_SCHEDULE, CustomSchedule
from seal_sdk.backbone.window import WHOLE, Window
from seal_sdk.config import ALWAYS, Alignment, Appearance, DeltaBridge, Interval, SamplingDefaults, Structure
from seal_sdk.errors import InputError
from seal_sdk.generation.arguments import named, pick
from seal_sdk.generation.canvas import canvas_size, check_latents, window_for
from seal_sdk.generation.image_prompt import read_image_prompt
from seal_sdk.generation.packing import EXACT, ImagesPerForward
from seal_sdk.generation.picture import PictureInput
from seal_sdk.generation.structure_sources import structure_source
from seal_sdk.method.schedules import active
from seal_sdk.presets import SEAL, Preset

OUTPUT_TYPES = ("pil", "np", "pt", "latent")


@dataclass(frozen=True, eq=False)
class Sampling:
    """diffusers' own parameters. size: (height, width) in pixels. latents: (images, C, h, w), or None to draw them.

    latents are noise; beside a picture without a mask they are already at the noise level of the first step that is sampled.
    guidance_interval: progress of sampling, in [0, 1], between which guidance acts (ours).
    num_inference_steps: those of ``schedule`` where it says them. num_timesteps: how often the model is asked in ``window``.
    image_prompt: what IP-Adapters see.
    cross_attention_kwargs: for the UNet's attention processors; its ``scale`` is that of the active LoRAs.
    """

    size: tuple[int, int]
    num_inference_steps: int
    guidance_scale: float
    guidance_interval: Interval = ALWAYS
    guidance_rescale: float = 0.0
    clip_skip: int | None = None
    latents: Tensor | None = None
    schedule: CustomSchedule = OWN_SCHEDULE
    window: Window = WHOLE
    num_timesteps: int = 0
    image_prompt: ImagePrompt = NO_IMAGES
    cross_attention_kwargs: Mapping[str, Any] | None = None

    @property
    def lora_scale(self) -> float | None:
        """Of the active LoRAs, for this call; None leaves it as it is."""
        return (self.cross_attention_kwargs or {}).get("scale")


@dataclass(frozen=True, eq=False)
class Settings:
    """The method's settings, the sampler's, and what is to be given back.

    overlay: whether a picture stays as it is outside of its mask. images_per_forward: how many images share a forward (`packing`).
    preset: what the method's settings were chosen as, before the model's own layers were filled in.
    """

    alignment: Alignment
    appearance: Appearance
    delta_bridge: DeltaBridge
    structure: Structure
    sampling: Sampling
    output_type: str = "pil"
    match_maps: bool = False
    overlay: bool = True
    images_per_forward: ImagesPerForward = EXACT
    control: ControlArguments = NO_CONTROL
    preset: Preset = SEAL

    @property
    def needs_subject_mask(self) -> bool:
        """Whether something depends on where the structure image's subject is."""
        infused = self.appearance.delta > 0 and self.appearance.gating == "subject"
        return infused or (self.delta_bridge.strength > 0 and self.delta_bridge.region == "subject")

    @property
    def structure_end(self) -> float:
        """Progress in [0, 1] at which structure control stops."""
        return 1.0 if self.structure.end is None else self.structure.end

    def injects_at(self, gamma: float) -> bool:
        """Whether other rows take something from a structure row at this progress of sampling."""
        places = self.structure.features or self.structure.attention
        return bool(places) and self.structure.scale > 0 and active(gamma, self.structure_end)

    @property
    def needs_identity(self) -> bool:
        """Whether something is taken from a reference."""
        return self.appearance.delta > 0 or self.delta_bridge.strength > 0


def check_attention(backbone: Backbone, settings: Settings, infused: bool) -> None:
    """Raise InputError for an image prompt or ``cross_attention_kwargs`` that do not fit the model. infused: with an identity."""
    sampling = settings.sampling
    backbone.ip_adapters.check(sampling.image_prompt, is_guided(backbone, sampling))
    infused = infused and settings.appearance.delta > 0
    backbone.check_cross_attention(sampling.cross_attention_kwargs, sampling.image_prompt, infused)


def is_guided(backbone: Backbone, sampling: Sampling) -> bool:
    """Whether there is an unconditional row."""
    return sampling.guidance_scale > 1 and not backbone.guidance_is_embedded


def check_output_type(output_type: str, pictures: Sequence[PictureInput] | None = None) -> None:
    """Raise InputError for a form that images cannot be given back in."""
    if output_type != "pil" and any(picture.padding is not None for picture in pictures or ()):
        raise InputError(
            f"padding_mask_crop= gives whole pictures, which output_type={output_type!r} cannot be: use 'pil'."
        )
    if output_type not in OUTPUT_TYPES:
        raise InputError(f"output_type={output_type!r}: expected one of {', '.join(OUTPUT_TYPES)}.")


def make_sampling(
    backbone: Backbone,
    defaults: SamplingDefaults,
    size: tuple[int | None, int | None],
    steps_and_guidance: tuple[int | None, float | None, Interval | None],
    arguments: Mapping[str, Any],
    pictures: Sequence[PictureInput] | None = None,
) -> Sampling:
    """The sampling that these arguments ask for. size: (height, width). steps_and_guidance: steps, guidance scale and interval.

    arguments: diffusers' others. pictures: of a batch. Raises ConfigError, InputError or SizeError for values that nothing can be
    drawn with.
    """
    num_inference_steps, guidance_scale, interval = steps_and_guidance
    if num_inference_steps is not None and (type(num_inference_steps) is not int or num_inference_steps < 1):
        raise InputError(f"num_inference_steps={num_inference_steps!r}: expected an integer >= 1.")
    if guidance_scale is not None and not 0 <= guidance_scale < 1000:
        raise InputError(f"guidance_scale={guidance_scale!r}: expected a number from 0 to 1000.")
    if interval is not None:
        defaults = replace(defaults, guidance_interval=interval)
    backbone.check_clip_skip(arguments.get("clip_skip"))
    schedule, window = pick(CustomSchedule, arguments), window_for(backbone, pick(Window, arguments), pictures)
    check_latents(window, pictures, arguments.get("latents"))
    steps = count_steps(backbone, schedule, num_inference_steps or defaults.num_inference_steps)
    return Sampling(
        canvas_size(backbone, size, pictures),
        steps,
        defaults.guidance_scale if guidance_scale is None else float(guidance_scale),
        defaults.guidance_interval,
        schedule=schedule,
        window=window,
        num_timesteps=len(backbone.sampler(steps, schedule=schedule, window=window).timesteps),
        image_prompt=read_image_prompt(pick(ImagePrompt, arguments)),
        **named(Sampling, arguments),
    )


def count_steps(backbone: Backbone, schedule: CustomSchedule, num_inference_steps: int) -> int:
    """How many steps a call has: some schedulers take a last sigma that is no step.

    Raises InputError for a schedule that the scheduler does not take.
    """
    if not schedule.has_steps:
        return num_inference_steps
    return len(backbone.sampler(num_inference_steps, schedule=schedule).timesteps)


def make_settings(
    backbone: Backbone,
    chosen: Preset,
    sampling: Sampling,
    output: tuple[str, bool, bool, ImagesPerForward],
    arguments: Mapping[str, Any],
) -> Settings:
    """The settings of one call. output: output_type, match_maps, overlay and images_per_forward. arguments: diffusers' others.

    Raises ConfigError for a source of structure that the model lacks.
    """
    return Settings(
        chosen.alignment,
        chosen.appearance,
        chosen.delta_bridge,
        structure_for(backbone, chosen.structure),
        sampling,
        *output,
        control=pick(ControlArguments, arguments),
        preset=chosen,
    )


def structure_for(backbone: Backbone, structure: Structure) -> Structure:
    """The structure settings with the model's own layers and end where none are given. A ControlNet is on until the end.

    Raises ConfigError for a source of structure that the model lacks.
    """
    structure_source(structure.control).check(backbone)
    own = backbone.structure_defaults
    end = own.end if structure.control == "inject" else 1.0
    return replace(
        structure,
        end=end if structure.end is None else structure.end,
        features=own.features if structure.features is None else structure.features,
        attention=own.attention if structure.attention is None else structure.attention,
    )
