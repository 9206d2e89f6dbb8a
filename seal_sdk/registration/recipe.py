"""The recipe of an identity: everything that can change its K/V, by content and not by name. The store's key is its digest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seal_sdk.backbone.base import Backbone, SelfAttention
from seal_sdk.config import Appearance
from seal_sdk.images import pixels_digest
from seal_sdk.registration.reference import Reference

METHOD_VERSION = 1  # raised whenever the same recipe would give other K/V


@dataclass(frozen=True, eq=False)
class CaptureSettings:
    """What is captured of a reference: at which timesteps, of which layers, and in which form."""

    timesteps: Sequence[int]
    layers: Sequence[SelfAttention]
    appearance: Appearance


def build_recipe(
    backbone: Backbone, reference: Reference, subject: Mapping[str, Any], capture: CaptureSettings
) -> dict[str, Any]:
    """What is asked for, whole. subject: who says where the subject is (`Reference.subject_recipe`)."""
    image, appearance = reference.image, capture.appearance
    return {
        "method_version": METHOD_VERSION,
        "capture_point": "attn1.to_k/to_v",
        "pixels": pixels_digest(image),
        "size": list(image.size),
        "prompt": reference.prompt,
        "subject": dict(subject),
        "model": backbone.fingerprint(),
        "scheduler": backbone.scheduler_recipe(),
        "timesteps": list(capture.timesteps),
        "layers": [layer.name for layer in capture.layers],
        "latents": appearance.latents,
        "tokens": appearance.stored_tokens,
        "quantization": appearance.quantization,
        **backbone.conditioning_recipe(reference.size),
        "dtype": str(backbone.dtype).removeprefix("torch."),
        "attention_backend": ",".join(sorted({layer.kernel for layer in capture.layers})),
    }
