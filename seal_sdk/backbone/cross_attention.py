"""``cross_attention_kwargs``: what diffusers' pipelines hand on to the UNet's attention processors, and the scale of LoRAs among it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from seal_sdk.backbone.adapters import active_adapters
from seal_sdk.backbone.image_prompt import ImagePrompt
from seal_sdk.backbone.ip_adapter import IPAdapters
from seal_sdk.errors import InputError


def check_cross_attention(given: Any, prompt: ImagePrompt, ip_adapters: IPAdapters) -> None:
    """Raise InputError for ``cross_attention_kwargs`` that the UNet cannot work with."""
    if given is not None and not isinstance(given, Mapping):
        raise InputError(f"cross_attention_kwargs={given!r}: expected a dict, such as {{'scale': 0.5}}, or None.")
    given = given or {}
    scale = given.get("scale", 1.0)
    if isinstance(scale, bool) or not isinstance(scale, (int, float)) or not math.isfinite(scale):
        raise InputError(
            f"cross_attention_kwargs={{'scale': {scale!r}}}: expected a number, the scale of all active LoRAs."
        )
    if given.get("gligen") is not None:
        raise InputError("cross_attention_kwargs={'gligen': ...}: GLIGEN's boxes are not supported; leave it out.")
    masks = given.get("ip_adapter_masks")
    if masks is not None and not ip_adapters.projections:
        raise InputError(
            "ip_adapter_masks are given, but no IP-Adapter is loaded: call pipe.load_ip_adapter(...), or leave them out."
        )
    _check_masks(masks, prompt)
    _check_scales(masks, prompt, ip_adapters)


def _check_masks(masks: Any, prompt: ImagePrompt) -> None:
    """One mask per image of each adapter."""
    if masks is None:
        return
    if isinstance(masks, Tensor) and masks.ndim == 4:
        masks = list(masks.unsqueeze(1))  # as diffusers reads the older form
    shapes = [f"(1, {count}, H, W)" for count in prompt.counts]
    fits = isinstance(masks, list) and len(masks) == len(shapes)
    if not fits or not all(_fits(mask, count) for mask, count in zip(masks, prompt.counts, strict=True)):
        raise InputError(
            f"ip_adapter_masks: expected a list of tensors {', '.join(shapes)}, one per IP-Adapter with a mask for each of its images, or "
            "None for an adapter without masks. IPAdapterMaskProcessor().preprocess(...) makes them."
        )


def _fits(mask: Any, images: int) -> bool:
    return mask is None or (isinstance(mask, Tensor) and mask.ndim == 4 and mask.shape[:2] == (1, images))


def _check_scales(masks: Any, prompt: ImagePrompt, ip_adapters: IPAdapters) -> None:
    """Scales of single images need masks that tell the images apart."""
    for scales in ip_adapters.scales.values():
        for number, (scale, count) in enumerate(zip(scales, prompt.counts, strict=True)):
            unmasked = masks is None or masks[number] is None
            if isinstance(scale, list) and any(scale) and (unmasked or len(scale) != count):
                raise InputError(
                    f"pipe.set_ip_adapter_scale was given {len(scale)} scales for the images of IP-Adapter {number}: that needs as many "
                    "images, and cross_attention_kwargs={'ip_adapter_masks': ...} with a mask for each. Otherwise set one number."
                )


def check_lora_scale(given: Mapping[str, Any] | None, *modules: nn.Module | None) -> None:
    """Raise InputError where a scale would change LoRAs of these modules: the references' K/V belong to them as they are."""
    scale = (given or {}).get("scale", 1.0)
    if scale != 1 and any(active_adapters(each) for each in modules if each is not None):
        raise InputError(
            f"cross_attention_kwargs={{'scale': {scale!r}}} scales the active LoRAs for this call only, and the identity was registered "
            "without it: use pipe.set_adapters(name, weight) and register it again."
        )
