"""Laying what was drawn over the picture it was drawn into, so that outside of the mask nothing changes (ours)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor


def overlay_alpha(
    mask: Image.Image, levels: NDArray[np.float32], region: NDArray[np.bool_], ramp: int
) -> NDArray[np.float32]:
    """(H, W) in [0, 1]: how much of what was drawn shows. It is 0 outside of the mask.

    mask: grey, as given. levels: (H, W) in [0, 1], its values on the canvas. region: (H, W), where it is half white or more. A soft mask
    counts with its own values, and a hard one gets a ramp of so many pixels within.
    """
    if set(np.unique(np.asarray(mask))) - {0, 255}:
        return levels
    inner = Image.fromarray(region.astype(np.uint8) * 255)
    depth = np.zeros(region.shape, np.float32)
    for _ in range(ramp):
        depth += np.asarray(inner, np.float32) / 255
        inner = inner.filter(ImageFilter.MinFilter(3))
    return depth / max(float(depth.max()), 1.0)


def lay_over(drawn: Any, picture: Tensor, alpha: NDArray[np.float32]) -> Any:
    """``drawn`` over ``picture`` (1, 3, H, W) in [-1, 1], in the form that it has.

    drawn: a PIL image, an array (H, W, 3) or a tensor (3, H, W) in [0, 1]. Where ``alpha`` is 0 or 1 nothing is rounded.
    """
    below = (picture[0] / 2 + 0.5).clamp(0, 1)
    if isinstance(drawn, Tensor):
        laid = torch.lerp(below, drawn.float().cpu(), torch.from_numpy(alpha))
        return laid.to(drawn.device, drawn.dtype)
    above = np.asarray(drawn, np.float32) / 255 if isinstance(drawn, Image.Image) else np.asarray(drawn)
    blended = torch.lerp(below.permute(1, 2, 0), torch.from_numpy(above), torch.from_numpy(alpha)[..., None]).numpy()
    return Image.fromarray(np.rint(blended * 255).astype(np.uint8)) if isinstance(drawn, Image.Image) else blended
