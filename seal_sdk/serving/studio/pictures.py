"""Pictures on the page: small enough to travel inside it, as data URLs, and tinted where a subject is."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SHOWN_SIDE = 1024
"""The longer side in pixels of a picture that is shown to be marked."""
TINT = (232, 89, 12, 110)


def data_url(image: Image.Image, side: int = SHOWN_SIDE) -> str:
    """An image as a data URL, made smaller where its longer side exceeds ``side`` pixels."""
    shown = image.copy()
    shown.thumbnail((side, side))
    buffer = io.BytesIO()
    shown.save(buffer, "WEBP", quality=85)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def shown_size(size: tuple[int, int]) -> tuple[int, int]:
    """The (width, height) at which an image of this size is shown."""
    scale = min(1, SHOWN_SIDE / max(size))
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)


def tinted(mask: NDArray[np.bool_]) -> Image.Image:
    """An RGBA image of a mask (H, W): see-through colour where it is set, and nothing elsewhere."""
    pixels = np.zeros((*mask.shape, 4), dtype=np.uint8)
    pixels[mask] = TINT
    return Image.fromarray(pixels)


def painted(layers: list[Any], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Where a painter put paint on any of the RGBA layers, as a mask (H, W) for an image of (width, height) ``size``."""
    marked = np.zeros(size[::-1], dtype=bool)
    for layer in layers:
        alpha = layer.convert("RGBA").getchannel("A").resize(size, Image.Resampling.NEAREST)
        marked |= np.asarray(alpha) > 0
    return marked


def on_white(image: Image.Image) -> Image.Image:
    """A drawing with transparent parts on white paper, RGB."""
    drawn = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", drawn.size, "white"), drawn).convert("RGB")
