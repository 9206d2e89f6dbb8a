"""How far a picture, uint8 (H, W, 3), is from the truth. Errors are in RGB levels, 0 (best) to 255. Ours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seal_sdk.pocket.world import Rendering

MAIN_PART = 0.04  # share of the subject's pixels that makes a part a main one
SCENE_MARGIN = 0.04  # in picture sides: what lies this near to the true subject counts as neither subject nor scene
SCENE_BLUR = 0.12  # in picture sides: scenes are compared as colour fields, their details are not prompted


@dataclass(frozen=True)
class Metric:
    """What a metric is called and which way is better.

    ratio: whether it is put in relation to the baseline as a ratio, or, as it may be zero or negative, as a difference.
    """

    name: str
    title: str
    lower_is_better: bool = True
    ratio: bool = True


METRICS = (
    Metric("subject_error", "subject error"),
    Metric("subject_color_error", "subject colour"),
    Metric("part_color_error", "part colour"),
    Metric("pattern_error", "pattern"),
    Metric("structure_iou", "structure IoU", lower_is_better=False),
    Metric("scene_error", "scene error"),
)


def scores(image: np.ndarray, truth: Rendering, found: np.ndarray) -> dict[str, float]:
    """All `METRICS` of one picture. found: (H, W) bool, where its subject is (see `subject_mask`).

    Raises ValueError for a picture of another size than the truth.
    """
    if image.shape != truth.image.shape:
        raise ValueError(
            f"a picture of shape {image.shape} cannot be compared with a truth of shape {truth.image.shape}"
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
    """Mean absolute error of the pixels inside the true mask, (H, W) bool."""
    return float(np.abs(_difference(image, truth)[mask]).mean())


def color_error(image: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Absolute error of the mean colour inside the true mask: blind to where the colours are."""
    return float(np.abs(_difference(image, truth)[mask].mean(axis=0)).mean())


def part_color_error(image: np.ndarray, truth: np.ndarray, parts: np.ndarray) -> float:
    """`color_error` of each main part, averaged over them: are head, torso and legs each of their own colour?

    parts: (H, W) indices, 0 is the background.
    """
    return float(np.mean([color_error(image, truth, part) for part in main_parts(parts)]))


def pattern_error(image: np.ndarray, truth: np.ndarray, parts: np.ndarray) -> float:
    """Mean absolute error inside the main parts once each part's mean colour is put right: stripes, spots, shading."""
    difference = _difference(image, truth)
    rests = [difference[part] - difference[part].mean(axis=0) for part in main_parts(parts)]
    return float(np.abs(np.concatenate(rests)).mean())


def iou(found: np.ndarray, mask: np.ndarray) -> float:
    """Intersection over union of two (H, W) bool masks, 0 to 1 (best); 1 when both are empty."""
    union = np.count_nonzero(found | mask)
    return np.count_nonzero(found & mask) / union if union else 1.0


def scene_error(image: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Mean absolute error of the low-passed colours outside of the true subject and a margin around it.

    Low-passing leaves the subject out on the truth's side and on the picture's; a subject drawn elsewhere counts as a
    wrong scene.
    """
    outside = ~dilate(mask, round(SCENE_MARGIN * max(mask.shape)))
    return float(np.abs(scene_field(_difference(image, truth), outside)[outside]).mean()) if outside.any() else 0.0


def scene_field(picture: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) low-passed over what lies outside, (H, W) bool; zero elsewhere."""
    radius = round(SCENE_BLUR * max(outside.shape) / 2)
    weight = box_sums(outside.astype(np.float64), radius)[..., None]
    return np.where(outside[..., None], box_sums(picture * outside[..., None], radius) / np.maximum(weight, 1), 0.0)


def dilate(mask: np.ndarray, radius: int) -> np.ndarray:
    """A (H, W) bool mask grown by a square of ``2 radius + 1`` pixels."""
    return box_sums(mask.astype(np.float64), radius) > 0.5


def _difference(image: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return image.astype(np.float64) - truth.astype(np.float64)


def main_parts(parts: np.ndarray) -> list[np.ndarray]:
    """Masks of the parts that hold at least `MAIN_PART` of the subject's pixels; the whole subject where none does."""
    least = MAIN_PART * np.count_nonzero(parts)
    masks = [parts == index for index in np.unique(parts[parts > 0])]
    return [mask for mask in masks if np.count_nonzero(mask) >= least] or [parts > 0]


def box_sums(picture: np.ndarray, radius: int) -> np.ndarray:
    """Sums over squares of ``2 radius + 1`` pixels around each pixel; beyond the border lie zeros."""
    for axis in (0, 1):
        padding = [(0, 0)] * picture.ndim
        padding[axis] = (radius + 1, radius)
        sums = np.cumsum(np.pad(picture, padding), axis=axis)
        length, span = picture.shape[axis], 2 * radius + 1
        picture = np.take(sums, range(span, span + length), axis) - np.take(sums, range(length), axis)
    return picture
