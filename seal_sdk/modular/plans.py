"""From the inputs of a denoising block to the plans that the denoising loop draws by."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from seal_sdk.backbone.conditioning import Conditioning, same_or
from seal_sdk.config import Alignment, Structure
from seal_sdk.errors import InputError
from seal_sdk.generation.call import Call
from seal_sdk.generation.plan import ImagePlan
from seal_sdk.generation.prompt_edits import SubjectPrompt
from seal_sdk.generation.regions import SubjectBinding, other_prompts, region_masks, sole_identity
from seal_sdk.generation.settings import Sampling, Settings
from seal_sdk.generation.subject_planner import Place, SubjectPlanner, region_place, subject_region
from seal_sdk.modular.inputs import bridge_of, of_image, row_of_image, subjects_of

IMAGE_EMBEDS = "image_embeds"
"""Start of the names of IP-Adapters' embeddings among a row's further inputs."""


def make_settings(components: Any, block_state: Any) -> Settings:
    """The settings that a denoising block draws with."""
    height, width = block_state.latents.shape[-2:]
    factor = components.vae_scale_factor
    sampling = Sampling(
        (height * factor, width * factor),
        len(block_state.timesteps),
        getattr(components.guider, "guidance_scale", 1.0),
        clip_skip=block_state.clip_skip,
    )
    bridge = bridge_of(components.guider)
    return Settings(Alignment(), block_state.appearance, bridge, Structure(control="none"), sampling)


def bind_images(block_state: Any) -> list[tuple[SubjectBinding, ...]]:
    """Each image's subjects. Raises InputError."""
    images = len(block_state.latents)
    return [
        subjects_of(of_image(block_state.identity, "identity", number, images), block_state.appearance)
        for number in range(images)
    ]


def make_plan(
    call: Call, block_state: Any, number: int, subjects: tuple[SubjectBinding, ...], planner: SubjectPlanner | None
) -> ImagePlan:
    """The plan of one image. planner: of its subjects, None where nothing is infused. Raises InputError for missing embeddings."""
    prompt, negative = (
        of_image(getattr(block_state, name), name, number, len(block_state.latents))
        for name in ("prompt", "negative_prompt")
    )
    places = _places(call, subjects)
    generation, appearance = _row(block_state, number, "") or _missing("prompt_embeds"), None
    if call.settings.delta_bridge.strength:
        appearance = same_or(generation, _row(block_state, number, "appearance_") or _no_appearance())
    return ImagePlan(
        generation,
        _row(block_state, number, "negative_"),
        appearance,
        subjects=tuple(
            planner.plan(each, place, SubjectPrompt(prompt, negative, other_prompts(each, subjects)))
            for each, place in zip(subjects, places, strict=True)
            if planner is not None
        ),
        region=subject_region(call, places),
    )


def _places(call: Call, subjects: tuple[SubjectBinding, ...]) -> list[Place]:
    """Where each subject is to be."""
    if sole_identity(subjects) is not None:
        return [Place()]
    masks = region_masks(subjects, call.settings.sampling.size[::-1], None)
    return [region_place(each, mask, shown=False) for each, mask in zip(subjects, masks, strict=True)]


def _row(block_state: Any, number: int, row: str) -> Conditioning | None:
    """One row's conditioning. row: start of its embeddings' names. The appearance row has the rest from the conditional one."""
    images = len(block_state.latents)
    rest = "" if row == "appearance_" else row
    embeds, pooled = (getattr(block_state, f"{row}{name}", None) for name in ("prompt_embeds", "pooled_prompt_embeds"))
    if embeds is None or pooled is None:
        return None
    added = {"text_embeds": pooled, "time_ids": getattr(block_state, f"{rest}add_time_ids")}
    adapters: list[Tensor] = getattr(block_state, f"{rest}ip_adapter_embeds", None) or []
    added |= {f"{IMAGE_EMBEDS}.{place}": each for place, each in enumerate(adapters)}
    return Conditioning(
        row_of_image(embeds, number, images), {name: row_of_image(each, number, images) for name, each in added.items()}
    )


def _missing(name: str) -> Conditioning:
    raise InputError(f"{name} and the pooled ones are missing: give prompt=, or both of them.")


def _no_appearance() -> Conditioning:
    raise InputError(
        "The guider is DeltaBridgeGuidance, but nobody has encoded the identity's prompt: put IdentityTextEncoderStep in the place of "
        "diffusers' text encoder, or choose DeltaBridgeGuidance(strength=0)."
    )
