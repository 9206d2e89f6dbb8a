"""Distances between a generated image and the rendered ground truth. Ours.

Images are uint8 (H, W, 3). Errors are in RGB levels, 0 (best) to 255.
"""

from __future__ import annotations

import numpy as np

from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.pocket.world import Rendering

MAIN_PART = 0.04  # a part is a main part if it covers at least this share of the subject's pixels
SCENE_MARGIN = 0.04  # in image sides: pixels this close to the true subject count as neither subject nor scene
SCENE_BLUR = 0.12  # in image sides: scenes are compared after a blur, because prompts do not describe their details

METRICS = (
    Metric("subject_error", "subject error"),
    Metric("subject_color_error", "subject colour"),
    Metric("part_color_error", "part colour"),
    Metric("pattern_error", "pattern"),
    Metric("structure_iou", "structure IoU", lower_is_better=False),
    Metric("scene_error", "scene error"),
)


def scores(image: np.ndarray, truth: Rendering, found: np.ndarray) -> dict[str, float]:
    """The values of all `METRICS` for one image, by metric name.

    Args:
        image: The generated image, uint8 (H, W, 3).
        truth: The ground truth.
        found: (H, W) bool, the subject's mask in the generated image (see `subject_mask`).

    Raises:
        ValueError: If image and ground truth differ in size.
    """
    if image.shape != truth.image.shape:
        raise ValueError(
            f"an image of shape {image.shape} cannot be compared with a ground truth of shape {truth.image.shape}"
        )
    return {
        "subject_error": subject_error(image, truth.image, truth.mask),
        "subject_color_error": color_error(image, truth.image, truth.mask),
        "part_color_error": part_color_error(image, truth.image, truth.parts),
        "pattern_error": pattern_error(image, truth.image, truth.parts),
        "structure_iou": iou(found, truth.mask),
        "scene_error": scene_error(image, truth.image, truth.mask),
    }


def subject_error(image: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Mean absolute error of the pixels inside the true mask (H, W), bool."""
    return float(np.abs(_difference(image, truth)[mask]).mean())


def color_error(image: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Absolute error of the mean colour inside the true mask. Where the colours are does not matter."""
    return float(np.abs(_difference(image, truth)[mask].mean(axis=0)).mean())


def part_color_error(image: np.ndarray, truth: np.ndarray, parts: np.ndarray) -> float:
    """Mean of `color_error` over the main parts, such as head, torso and legs.

    parts: (H, W) part indices; 0 is the background.
    """
    return float(np.mean([color_error(image, truth, part) for part in main_parts(parts)]))


def pattern_error(image: np.ndarray, truth: np.ndarray, parts: np.ndarray) -> float:
    """Mean absolute error inside the main parts after removing each part's mean error: stripes, spots and shading."""
    difference = _difference(image, truth)
    rests = [difference[part] - difference[part].mean(axis=0) for part in main_parts(parts)]
    return float(np.abs(np.concatenate(rests)).mean())


def iou(found: np.ndarray, mask: np.ndarray) -> float:
    """Intersection over union of two masks (H, W), bool: 0 to 1 (best). 1 if both are empty."""
    union = np.count_nonzero(found | mask)
    return np.count_nonzero(found & mask) / union if union else 1.0


def scene_error(image: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Mean absolute error of the blurred scene, outside the true subject and a margin around it.

    The blur excludes the true subject's pixels in both images. A subject drawn elsewhere counts as a wrong scene.
    """
    outside = ~dilate(mask, round(SCENE_MARGIN * max(mask.shape)))
    return float(np.abs(scene_field(_difference(image, truth), outside)[outside]).mean()) if outside.any() else 0.0


def scene_field(picture: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """An image (H, W, 3) blurred over the pixels of ``outside``, (H, W) bool; zero elsewhere."""
    radius = round(SCENE_BLUR * max(outside.shape) / 2)
    weight = box_sums(outside.astype(np.float64), radius)[..., None]
    return np.where(outside[..., None], box_sums(picture * outside[..., None], radius) / np.maximum(weight, 1), 0.0)


def dilate(mask: np.ndarray, radius: int) -> np.ndarray:
    """A mask (H, W), bool, dilated by a square of side ``2 radius + 1`` pixels."""
    return box_sums(mask.astype(np.float64), radius) > 0.5


def _difference(image: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return image.astype(np.float64) - truth.astype(np.float64)


def main_parts(parts: np.ndarray) -> list[np.ndarray]:
    """Masks of the parts with at least `MAIN_PART` of the subject's pixels; the whole subject if there is none."""
    least = MAIN_PART * np.count_nonzero(parts)
    masks = [parts == index for index in np.unique(parts[parts > 0])]
    return [mask for mask in masks if np.count_nonzero(mask) >= least] or [parts > 0]


def box_sums(picture: np.ndarray, radius: int) -> np.ndarray:
    """Sum over a square of side ``2 radius + 1`` around each pixel, with zeros beyond the border."""
    for axis in (0, 1):
        padding = [(0, 0)] * picture.ndim
        padding[axis] = (radius + 1, radius)
        sums = np.cumsum(np.pad(picture, padding), axis=axis)
        length, span = picture.shape[axis], 2 * radius + 1
        picture = np.take(sums, range(span, span + length), axis) - np.take(sums, range(length), axis)
    return picture
