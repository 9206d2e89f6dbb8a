"""Image prompts as callers have them: read like all other pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from seal_sdk.backbone.image_prompt import ImagePrompt
from seal_sdk.images import read_image


def read_image_prompt(prompt: ImagePrompt) -> ImagePrompt:
    """The image prompt with its pictures read; tensors (n, 3, s, s), which diffusers takes as they are, stay. Raises ImageError."""
    if prompt.ip_adapter_image is None:
        return prompt
    return replace(prompt, ip_adapter_image=[_read(images) for images in prompt.ip_adapter_image])


def _read(images: Any) -> Any:
    return images if isinstance(images, Tensor) else [read_image(each) for each in images]
