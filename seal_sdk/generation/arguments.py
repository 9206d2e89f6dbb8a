"""The arguments of diffusers' pipelines that ``generate`` takes, and how they are handed to the groups that use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, TypedDict, TypeVar

from torch import Tensor

Group = TypeVar("Group")
Texts = str | list[str] | None
Pair = tuple[int, int]
Numbers = float | Sequence[float] | None


class DiffusersArguments(TypedDict, total=False):
    """Further arguments of ``IdentitySession.generate``: diffusers' names, meaning and defaults (``StableDiffusionXLPipeline``).

    With ``image`` those of ``StableDiffusionXLImg2ImgPipeline``, and with ``mask_image`` of ``StableDiffusionXLInpaintPipeline``
    (`PictureArguments`, `Window`); lists of pictures make a batch, in which the pictures go with the prompts one by one.

    ``callback_on_step_end_tensor_inputs`` may name what `seal_sdk.generation.callback_tensors.CallbackTensors` has: "latents",
    "prompt_embeds", and with SDXL "add_text_embeds" and "add_time_ids". Changed, they steer the rows of the prompt and its negative alone:
    Delta-Bridge's row, which has the reference's prompt, and the structure image's keep what they began with.
    Embeddings take the place of ``prompt`` (with SDXL beside the pooled ones). Image prompts are shared by all images of a batch
    (:class:`~seal_sdk.backbone.image_prompt.ImagePrompt`); they may be whatever ``structure`` may be. ``cross_attention_kwargs`` may hold
    ``scale`` (of all active LoRAs; not with an identity, whose K/V belong to another scale) and ``ip_adapter_masks``.
    Those of ControlNets and T2I-Adapters (`seal_sdk.backbone.control.ControlArguments`) are for ``Structure(control="controlnet")``, whose
    ``scale`` and ``end`` count where they say nothing; their images are ``structure``.
    """

    prompt_2: Texts
    negative_prompt_2: Texts
    prompt_embeds: Tensor | None
    pooled_prompt_embeds: Tensor | None
    negative_prompt_embeds: Tensor | None
    negative_pooled_prompt_embeds: Tensor | None
    original_size: Pair | None
    crops_coords_top_left: Pair
    target_size: Pair | None
    negative_original_size: Pair | None
    negative_crops_coords_top_left: Pair
    negative_target_size: Pair | None
    timesteps: Sequence[int] | None
    sigmas: Sequence[float] | None
    eta: float
    guidance_rescale: float
    clip_skip: int | None
    controlnet_conditioning_scale: Numbers
    control_guidance_start: Numbers
    control_guidance_end: Numbers
    guess_mode: bool
    control_mode: int | Sequence[int] | None
    adapter_conditioning_scale: Numbers
    adapter_conditioning_factor: float | None
    latents: Tensor | None
    ip_adapter_image: Any
    ip_adapter_image_embeds: Sequence[Tensor] | None
    cross_attention_kwargs: Mapping[str, Any] | None
    image: Any
    mask_image: Any
    masked_image_latents: Tensor | list[Tensor] | None
    padding_mask_crop: int | None
    strength: float | None
    denoising_start: float | None
    denoising_end: float | None
    aesthetic_score: float
    negative_aesthetic_score: float
    callback_on_step_end: Callable[..., dict[str, Any]] | None
    callback_on_step_end_tensor_inputs: Sequence[str]


def check_names(arguments: Mapping[str, Any]) -> None:
    """Raise TypeError, as Python does, for a name that ``generate`` does not have; it names the nearest one."""
    for name in arguments:
        if name not in DiffusersArguments.__annotations__:
            near = get_close_matches(name, DiffusersArguments.__annotations__, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"generate() got an unexpected keyword argument {name!r}.{hint}")


def named(group: type[Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those arguments that are fields of a dataclass."""
    names = {each.name for each in fields(group)}
    return {name: value for name, value in arguments.items() if name in names}


def pick(group: type[Group], arguments: Mapping[str, Any]) -> Group:
    """A dataclass made of those arguments that are its fields; the others keep its defaults."""
    return group(**named(group, arguments))
