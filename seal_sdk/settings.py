"""What an image was drawn with, as plain data for its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from diffusers import StableDiffusionXLPipeline

from seal_sdk.backbone.plan import Method
from seal_sdk.casting import Cast, alone
from seal_sdk.config import Alignment
from seal_sdk.identity import Identity
from seal_sdk.recipe import pixels_digest
from seal_sdk.requests import Request
from seal_sdk.sampling import Sampling
from seal_sdk.structures import Placed


def record(
    request: Request,
    cast: Cast,
    placed: Placed | None,
    method: Method,
    alignment: Alignment,
    sampling: Sampling,
    pipe: StableDiffusionXLPipeline,
    model: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything needed to draw one image again; images and models are named by digests of their content."""
    return {
        "identity": _named(alone(cast)),
        "references": [_named(each) for each in cast[0].references] if alone(cast) else [],
        "identities": [] if alone(cast) else [_named(each) for role in cast for each in role.references],
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "structure": placed and {"aligned_pixels": pixels_digest(placed.image)},
        "structure_prompt": request.structure_prompt,
        "structure_box": request.structure_box and [float(value) for value in request.structure_box],
        "seed": request.seed,
        "height": sampling.size[0],
        "width": sampling.size[1],
        "num_inference_steps": sampling.num_inference_steps,
        "guidance_scale": sampling.guidance_scale,
        "guidance_rescale": method.guidance_rescale,
        "clip_skip": sampling.clip_skip,
        "scheduler": type(pipe.scheduler).__name__,
        "alignment": asdict(alignment),
        "appearance": asdict(method.appearance),
        "delta_bridge": asdict(method.delta_bridge),
        "structure_control": asdict(method.structure),
        "model": {part: digest for part, digest in model.items() if isinstance(digest, str)},
    }


def _named(identity: Identity | None) -> dict[str, str] | None:
    return identity and {"name": identity.name, "digest": identity.digest}
