"""What an image was drawn with, as plain data for its metadata."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from PIL import Image
from torch import Tensor

from seal_sdk.backbone.image_prompt import ImagePrompt
from seal_sdk.generation.picture import PictureInput
from seal_sdk.generation.regions import SubjectBinding, is_box, sole_identity
from seal_sdk.generation.request import Request
from seal_sdk.generation.settings import Settings
from seal_sdk.generation.structure import AlignedStructure
from seal_sdk.identity import Identity
from seal_sdk.images import mask_digest, pixels_digest


def describe(
    request: Request,
    structure: AlignedStructure | None,
    settings: Settings,
    scheduler: str,
    model: Mapping[str, Any],
    ip_adapters: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Everything needed to draw one image again; images and models are named by digests of their content.

    ip_adapters: what `IPAdapters.recipe` says of them.
    """
    alone, box, sampling = sole_identity(request.subjects), request.structure.box, settings.sampling
    references = request.identities
    return {
        "identity": None if alone is None else _named(alone),
        "references": [_named(each) for each in references] if alone else [],
        "identities": [] if alone else [named for each in request.subjects for named in _placed(each)],
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "prompt_2": request.options.prompt_2,
        "negative_prompt_2": request.options.negative_prompt_2,
        "embeds": {name: _digest(value) for name, value in request.options.embeds.given.items()},
        **asdict(request.options.size_ids),
        "structure": structure and _structure(structure),
        **_describe_picture(request.picture, settings),
        "structure_prompt": request.structure_prompt,
        "structure_box": None if box is None else [float(value) for value in box],
        "seed": request.seed,
        "height": sampling.size[0],
        "width": sampling.size[1],
        "num_inference_steps": sampling.num_inference_steps,
        "guidance_scale": sampling.guidance_scale,
        "guidance_interval": list(sampling.guidance_interval),
        "guidance_rescale": sampling.guidance_rescale,
        "clip_skip": sampling.clip_skip,
        "timesteps": sampling.schedule.timesteps and list(sampling.schedule.timesteps),
        "sigmas": sampling.schedule.sigmas and list(sampling.schedule.sigmas),
        "eta": sampling.schedule.eta,
        "ip_adapter": ip_adapters and {**_pictures(sampling.image_prompt), **ip_adapters},
        "cross_attention_kwargs": {
            name: _plain(value) for name, value in (sampling.cross_attention_kwargs or {}).items()
        },
        "scheduler": scheduler,
        "images_per_forward": settings.images_per_forward,
        "alignment": asdict(settings.alignment),
        "appearance": asdict(settings.appearance),
        "delta_bridge": asdict(settings.delta_bridge),
        "structure_control": asdict(settings.structure),
        **asdict(settings.control),
        "model": {part: digest for part, digest in model.items() if isinstance(digest, str)},
    }


def _describe_picture(picture: PictureInput | None, settings: Settings) -> dict[str, Any]:
    window: dict[str, Any] = asdict(settings.sampling.window)
    if picture is None:
        return {"image": None, "mask_image": None, **window}
    masked, mask = picture.masked_latents, picture.mask
    return {
        "image": _digest(picture.image) if isinstance(picture.image, Tensor) else pixels_digest(picture.image),
        "mask_image": mask and pixels_digest(mask),
        "masked_image_latents": None if masked is None else _digest(masked),
        "latents_given": isinstance(picture.image, Tensor) or masked is not None,
        "padding_mask_crop": picture.padding,
        "overlay": settings.overlay,
        **window,
    }


def _named(identity: Identity) -> dict[str, Any]:
    return {"name": identity.name, "digest": identity.digest}


def _placed(subject: SubjectBinding) -> list[dict[str, Any]]:
    """The references of one of several subjects, with its region and what is said of it alone."""
    region = subject.region
    place = {"box": [float(value) for value in region]} if is_box(region) else {"mask": mask_digest(region)}
    own = {"prompt": subject.prompt} if subject.prompt is not None else {}
    return [{**_named(each), **place, **own} for each in subject.references]


def _structure(structure: AlignedStructure) -> dict[str, Any]:
    first, *others = map(pixels_digest, structure.images)
    return {"aligned_pixels": first, **({"further_aligned_pixels": others} if others else {})}


def _digest(embeds: Tensor) -> str:
    """SHA-256 of a tensor's shape and its values in float32, 64 hex digits."""
    values = embeds.detach().float().cpu().contiguous().numpy().tobytes()
    return hashlib.sha256(f"{tuple(embeds.shape)}".encode() + values).hexdigest()


def _pictures(prompt: ImagePrompt) -> dict[str, Any]:
    """Digests of an image prompt's images or embeddings, per adapter."""
    images = prompt.ip_adapter_image
    return {
        "image": images and [_plain(each) for each in images],
        "image_embeds": [_digest(each) for each in prompt.ip_adapter_image_embeds or ()],
    }


def _plain(value: Any) -> Any:
    """A value as JSON holds it: tensors and images by digest, and what is neither, nor plain, by its type."""
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, Tensor):
        return _digest(value)
    if isinstance(value, Image.Image):
        return pixels_digest(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else type(value).__name__
