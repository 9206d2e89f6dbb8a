"""AnchorAlign: scale by box heights, translate bottom centres onto each other, project onto a new canvas (paper, "AnchorAlign")."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Transform:
    """canvas point = scale * structure point + shift, in pixels."""

    scale: float
    shift: tuple[float, float]


def anchor_transform(reference_box: Box, structure_box: Box) -> Transform:
    """``s = h_a / h_s`` and ``t = P_a - s P_s`` with P the bottom centres (paper).

    Boxes are (x0, y0, x1, y1), the reference's in pixels of the canvas.
    """
    scale = (reference_box[3] - reference_box[1]) / (structure_box[3] - structure_box[1])
    (ax, ay), (sx, sy) = _bottom_centre(reference_box), _bottom_centre(structure_box)
    return Transform(scale, (ax - scale * sx, ay - scale * sy))


def _bottom_centre(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, box[3]


def align_image(
    image: Image.Image, transform: Transform, size: tuple[int, int], fill: str | tuple[int, int, int] = "border"
) -> Image.Image:
    """The structure image (RGB) on a canvas of (width, height) pixels, antialiased when it shrinks.

    fill: what the uncovered canvas takes: "border" (the median colour of the image's border, ours) or an RGB triple.
    """
    colour = border_colour(image) if fill == "border" else fill
    if transform.scale < 1:  # affine resampling does not antialias: shrink first
        smaller = (max(round(image.width * transform.scale), 1), max(round(image.height * transform.scale), 1))
        transform = Transform(transform.scale * image.width / smaller[0], transform.shift)
        image = image.resize(smaller, Image.Resampling.BOX)
    return _project(image, transform, size, Image.Resampling.BILINEAR, colour)


def align_mask(mask: np.ndarray, transform: Transform, size: tuple[int, int]) -> np.ndarray:
    """The structure's subject mask (H, W) bool moved by the same transform: (height, width) bool of the canvas."""
    picture = Image.fromarray(np.asarray(mask, dtype=bool).astype(np.uint8) * 255)
    return np.asarray(_project(picture, transform, size, Image.Resampling.BILINEAR, 0)) > 127


def border_colour(image: Image.Image) -> tuple[int, int, int]:
    """Median RGB of the outermost pixels."""
    pixels = np.asarray(image.convert("RGB"))
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    red, green, blue = np.median(border, axis=0).astype(int).tolist()
    return red, green, blue


def _project(
    image: Image.Image, transform: Transform, size: tuple[int, int], resample: Image.Resampling, fill
) -> Image.Image:
    """PIL maps canvas points back to image points: the inverse of the transform."""
    inverse, (x, y) = 1 / transform.scale, transform.shift
    data = (inverse, 0, -x * inverse, 0, inverse, -y * inverse)
    return image.transform(size, Image.Transform.AFFINE, data, resample=resample, fillcolor=fill)
