"""Structure images mostly stand on a uniform background: then the subject is what differs from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

UNIFORM_SHARE = 0.9  # of the border's pixels that must have the background's colour
TOLERANCE = 24  # largest channel difference, of 255, that still counts as the background


def foreground(image: Image.Image) -> NDArray[np.bool_] | None:
    """(H, W) bool: the pixels that differ from the uniform background of an RGB image; None where the border has no one colour."""
    image = image.convert("RGB")
    pixels = np.asarray(image)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]).astype(np.int16)
    colour = np.rint(np.median(border, axis=0)).astype(np.int16)
    if (np.abs(border - colour).max(axis=1) <= TOLERANCE).mean() < UNIFORM_SHARE:
        return None
    plain = Image.new("RGB", image.size, tuple(colour.tolist()))
    differing: NDArray[np.bool_] = (
        np.asarray(ImageChops.difference(image, plain)).max(axis=2) > TOLERANCE
    )  # 8 bits: photos are large
    return differing
