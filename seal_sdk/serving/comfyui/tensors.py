"""ComfyUI's tensors: an IMAGE is floats (B, H, W, 3) in [0, 1], a MASK floats (B, H, W), a LATENT a dict with a VAE's own latents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from seal_sdk.errors import InputError

PLACEHOLDER = (64, 64)  # of the black mask that Load Image gives for a picture without transparency


def pictures(image: Any, what: str = "image") -> list[Tensor]:
    """The pictures of an IMAGE as tensors (3, H, W) or, with transparency, (4, H, W) of fp32 on the CPU, clamped to [0, 1].

    Raises InputError for another shape or dtype.
    """
    known = isinstance(image, Tensor) and image.ndim == 4 and image.shape[-1] in (1, 3, 4) and len(image)
    if not known or not image.is_floating_point():
        raise InputError(f"{what} is {_described(image)}: expected an IMAGE, floats (B, H, W, 3) from 0 to 1.")
    values = image.detach().float().cpu()
    if not torch.isfinite(values).all():
        raise InputError(f"{what} holds NaN or infinity: the node that made it failed.")
    values = values.expand(-1, -1, -1, 3) if values.shape[-1] == 1 else values
    return list(values.clamp(0, 1).permute(0, 3, 1, 2))


def picture(image: Any, what: str = "image") -> Tensor:
    """The only picture of an IMAGE. Raises InputError where it holds several."""
    found = pictures(image, what)
    if len(found) > 1:
        raise InputError(f"{what} holds {len(found)} pictures: give one, for instance by an ImageFromBatch node.")
    return found[0]


def masks(mask: Any, what: str = "mask") -> list[np.ndarray] | None:
    """The masks of a MASK as arrays (H, W) of fp32; None for none, and for the black one that Load Image gives for an opaque picture.

    Raises InputError for another shape or dtype.
    """
    if mask is None:
        return None
    if not isinstance(mask, Tensor) or mask.ndim not in (2, 3) or not mask.is_floating_point() or not mask.numel():
        raise InputError(f"{what} is {_described(mask)}: expected a MASK, floats (B, H, W) from 0 to 1.")
    values = (mask if mask.ndim == 3 else mask[None]).detach().float().cpu().numpy()
    if values.shape[1:] == PLACEHOLDER and not values.any():
        return None
    return list(values)


def mask_of_one(mask: Any, what: str = "mask") -> np.ndarray | None:
    """The only mask of a MASK, as `masks`. Raises InputError where it holds several."""
    found = masks(mask, what)
    if found is not None and len(found) > 1:
        raise InputError(f"{what} holds {len(found)} masks: give one.")
    return None if found is None else found[0]


def latents(given: Any) -> tuple[Tensor, Any]:
    """Of a LATENT the VAE's own latents (B, C, h, w) fp32, and its MASK (B, H, W) of what is to be painted, None for everything.

    Raises InputError for another shape.
    """
    samples = given.get("samples") if isinstance(given, Mapping) else None
    if not isinstance(samples, Tensor) or samples.ndim != 4:
        raise InputError(f"latent is {_described(samples)}: expected a LATENT of images, (B, C, h, w).")
    mask = given.get("noise_mask")
    flat = mask.reshape(-1, *mask.shape[-2:]) if isinstance(mask, Tensor) else None  # also (B, 1, H, W)
    return samples.detach().float().cpu(), flat


def to_image(drawn: Sequence[Image.Image]) -> Tensor:
    """An IMAGE (B, H, W, 3) of pictures of one size."""
    return torch.from_numpy(np.stack([np.asarray(each.convert("RGB"), dtype=np.float32) / 255 for each in drawn]))


def to_mask(mask: np.ndarray) -> Tensor:
    """A MASK (1, H, W) of a mask (H, W) bool."""
    return torch.from_numpy(mask.astype(np.float32))[None]


def _described(given: Any) -> str:
    return f"{given.dtype} {tuple(given.shape)}" if isinstance(given, Tensor) else f"a {type(given).__name__}"
