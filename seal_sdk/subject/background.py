"""Structure images mostly stand on a uniform background: then the subject is what differs from it."""

from __future__ import annotations

import numpy as np
from PIL import Image

UNIFORM_SHARE = 0.9  # of the border's pixels that must have the background's colour
TOLERANCE = 24  # largest channel difference, of 255, that still counts as the background


def foreground(image: Image.Image) -> np.ndarray | None:
    """(H, W) bool: the pixels that differ from the uniform background of an RGB image; None where the border has no one colour."""
    pixels = np.asarray(image.convert("RGB")).astype(np.int16)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    colour = np.median(border, axis=0)
    if (np.abs(border - colour).max(axis=1) <= TOLERANCE).mean() < UNIFORM_SHARE:
        return None
    return np.abs(pixels - colour).max(axis=2) > TOLERANCE
