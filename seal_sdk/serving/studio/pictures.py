"""Pictures on the page: small enough to travel inside it, as data URLs, and tinted where a subject is."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SHOWN_SIDE = 1024
"""The longer side in pixels of a picture that is shown to be marked."""
TINT = (232, 89, 12, 110)  # RGBA


def data_url(image: Image.Image, side: int = SHOWN_SIDE, format: str = "WEBP") -> str:
    """An image as a data URL, made smaller where its longer side exceeds ``side`` pixels."""
    shown = image.copy()
    shown.thumbnail((side, side))
    buffer = io.BytesIO()
    shown.save(buffer, format, quality=85)
    return f"data:image/{format.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def shown_size(size: tuple[int, int]) -> tuple[int, int]:
    """The (width, height) at which an image of this size is shown."""
    scale = min(1, SHOWN_SIDE / max(size))
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)


def tinted(mask: NDArray[np.bool_], alpha: int = TINT[3]) -> Image.Image:
    """An RGBA image of a mask (H, W): coloured where it is set, of this alpha from 0 to 255, and nothing elsewhere."""
    pixels = np.zeros((*mask.shape, 4), dtype=np.uint8)
    pixels[mask] = (*TINT[:3], alpha)
    return Image.fromarray(pixels)
