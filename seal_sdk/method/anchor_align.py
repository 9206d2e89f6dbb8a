"""AnchorAlign: moves the structure image so that its subject stands where the reference's does (paper, "AnchorAlign").

The scale is the ratio of the box heights; the translation puts the bottom centres onto each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

Box = tuple[float, float, float, float]
Fill = str | tuple[int, int, int]


@dataclass(frozen=True)
class Transform:
    """Maps structure to canvas: ``canvas point = scale * structure point + shift``, points (x, y) in pixels."""

    scale: float
    shift: tuple[float, float]


def anchor_transform(reference_box: Box, structure_box: Box) -> Transform:
    """``s = h_a / h_s`` and ``t = P_a - s P_s``, with heights h and bottom centres P of the boxes (paper).

    Boxes are (x0, y0, x1, y1); the reference's is in pixels of the canvas, the structure's in pixels of its image.
    """
    return _onto(
        (reference_box[3] - reference_box[1]) / (structure_box[3] - structure_box[1]), reference_box, structure_box
    )


def fit_transform(anchor_box: Box, structure_box: Box) -> Transform:
    """As `anchor_transform`, but never wider than the anchor, whose box the structure's then lies within (ours)."""
    (across, down), (width, height) = _size(anchor_box), _size(structure_box)
    return _onto(min(across / width, down / height), anchor_box, structure_box)


def _onto(scale: float, anchor: Box, box: Box) -> Transform:
    (ax, ay), (sx, sy) = _bottom_centre(anchor), _bottom_centre(box)
    return Transform(scale, (ax - scale * sx, ay - scale * sy))


def _size(box: Box) -> tuple[float, float]:
    return box[2] - box[0], box[3] - box[1]


def _bottom_centre(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, box[3]


def align_image(image: Image.Image, transform: Transform, size: tuple[int, int], fill: Fill = "border") -> Image.Image:
    """Draw the structure image (RGB) on a canvas of (width, height) pixels, antialiased when it shrinks.

    fill: colour of the uncovered canvas, an RGB triple or "border" for the median colour of the image's border (ours).
    """
    return _project(image, transform, size, border_colour(image) if fill == "border" else fill)


def align_mask(mask: np.ndarray, transform: Transform, size: tuple[int, int]) -> np.ndarray:
    """Move the structure's subject mask, (H, W) bool, by the same transform. Returns the canvas's, (height, width) bool.

    A pixel belongs to the subject if more than half of it is covered, or more than half as much as of the pixel that is
    covered most. So thin strokes survive shrinking (ours).
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


def _project(image: Image.Image, transform: Transform, size: tuple[int, int], fill: float | Fill) -> Image.Image:
    """Resample the image on the canvas. PIL maps canvas points back to image points, so it gets the inverse transform."""
    width, height = image.size
    if transform.scale < 1:  # affine resampling does not antialias: shrink to whole pixels first
        smaller = max(round(width * transform.scale), 1), max(round(height * transform.scale), 1)
        image = image.resize(smaller, Image.Resampling.BOX)
    across, down = image.width / (width * transform.scale), image.height / (height * transform.scale)
    x, y = transform.shift
    data = (across, 0, -x * across, 0, down, -y * down)
    return image.transform(size, Image.Transform.AFFINE, data, resample=Image.Resampling.BILINEAR, fillcolor=fill)
