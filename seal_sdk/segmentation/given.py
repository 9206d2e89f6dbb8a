"""A box or mask that the caller gives wins over every segmenter."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seal_sdk.errors import InputError
from seal_sdk.segmentation.background import foreground
from seal_sdk.segmentation.base import Box, Subject, mask_box


def subject_from(image: Image.Image, box: Any = None, mask: NDArray[np.bool_] | None = None) -> Subject:
    """The subject of a given box (x0, y0, x1, y1) or mask (H, W) bool, in pixels of the image; a mask wins over a box.

    `seal_sdk.images.read_mask` makes a mask of whatever a caller has.

    Within a box, the mask is what differs from a uniform background, or the whole box where the background is not uniform.
    Raises InputError for boxes and masks that do not fit the image or hold nothing, and for boxes that look normalised to [0, 1].
    """
    if mask is not None:
        found = _check_mask(mask, image.size)
        return Subject(mask_box(found), found)
    checked = _check_box(box, image.size)
    x0, y0, x1, y1 = checked
    area = np.zeros((image.height, image.width), dtype=bool)
    area[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))] = True
    different = foreground(image)
    within = area & different if different is not None else area
    return Subject(checked, within if within.any() else area)


def _check_box(box: Any, size: tuple[int, int]) -> Box:
    try:
        x0, y0, x1, y1 = (float(value) for value in box)
    except (TypeError, ValueError) as error:
        raise InputError(f"box={box!r}: expected four numbers x0, y0, x1, y1 in pixels.") from error
    if all(0 <= value <= 1 for value in (x0, y0, x1, y1)) and size != (1, 1):
        would_be = ", ".join(f"{value:g}" for value in (x0 * size[0], y0 * size[1], x1 * size[0], y1 * size[1]))
        raise InputError(f"box={box!r} looks normalised; multiply by width and height: ({would_be}).")
    if not (0 <= x0 < x1 <= size[0] and 0 <= y0 < y1 <= size[1]):
        raise InputError(
            f"box={box!r}: expected 0 <= x0 < x1 <= {size[0]} and 0 <= y0 < y1 <= {size[1]} (the image's size)."
        )
    return x0, y0, x1, y1


def _check_mask(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    if mask.dtype != bool:
        raise InputError(f"mask of {mask.dtype}: expected bool; seal_sdk.images.masks.read_mask makes it of anything.")
    if mask.shape != (size[1], size[0]):
        raise InputError(f"mask of shape {mask.shape}: expected {(size[1], size[0])}, the image's height and width.")
    if not mask.any():
        raise InputError("The mask marks no pixel: draw the subject in white (or True) on black.")
    return mask
