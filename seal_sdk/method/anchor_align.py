"""AnchorAlign: scale by box heights, translate bottom centres onto each other, project onto a new canvas (paper, "AnchorAlign")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    return _project(image, transform, size, border_colour(image) if fill == "border" else fill)


def align_mask(mask: np.ndarray, transform: Transform, size: tuple[int, int]) -> np.ndarray:
    """The structure's subject mask (H, W) bool moved by the same transform: (height, width) bool of the canvas.

    A pixel belongs when at least half covered, or half as much as the best covered one: thin strokes survive shrinking (ours).
    """
    picture = Image.fromarray(np.asarray(mask, dtype=bool).astype(np.uint8) * 255)
    covered = np.asarray(_project(picture, transform, size, 0))
    return covered > min(127, int(covered.max()) // 2)


def border_colour(image: Image.Image) -> tuple[int, int, int]:
    """Median RGB of the outermost pixels."""
    pixels = np.asarray(image.convert("RGB"))
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    red, green, blue = np.median(border, axis=0).astype(int).tolist()
    return red, green, blue


def _project(image: Image.Image, transform: Transform, size: tuple[int, int], fill: Any) -> Image.Image:
    """PIL maps canvas points back to image points: the inverse of the transform."""
    width, height = image.size
    if transform.scale < 1:  # affine resampling does not antialias: shrink to whole pixels first
        smaller = max(round(width * transform.scale), 1), max(round(height * transform.scale), 1)
        image = image.resize(smaller, Image.Resampling.BOX)
    across, down = image.width / (width * transform.scale), image.height / (height * transform.scale)
    x, y = transform.shift
    data = (across, 0, -x * across, 0, down, -y * down)
    return image.transform(size, Image.Transform.AFFINE, data, resample=Image.Resampling.BILINEAR, fillcolor=fill)
