"""Whether an image follows what its prompt changes, and changes nothing else. Ours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.evaluation.metrics.truth import main_parts, part_color_error, scene_error
from seal_sdk.pocket import world

FOLLOWED = 0.5  # the prompt counts as followed from this share of the colour change on
UNASKED = 32.0  # RGB levels, an eighth of the range: tolerance for other changes, as no colour is met exactly
_VISIBLE = 8.0  # RGB levels: a part is meant to change if its true colour changes by at least this

COLOR_CHANGE = Metric("color_change", "colour change", lower_is_better=False, ratio=False)
COLOR_REST = Metric("color_rest", "else changed")
COLOR_SUCCESS = Metric("color_success", "colour success", lower_is_better=False, ratio=False)
COLOR_FOLLOWED = Metric("color_followed", "colour followed", lower_is_better=False, ratio=False)
PATTERN_NAMED = Metric("pattern_named", "pattern named", lower_is_better=False, ratio=False)
PATTERN_SUCCESS = Metric("pattern_success", "pattern success", lower_is_better=False, ratio=False)
BOTH_FOLLOWED = Metric("both_followed", "both followed", lower_is_better=False, ratio=False)
BOTH_SUCCESS = Metric("both_success", "both success", lower_is_better=False, ratio=False)
SCENE_SUCCESS = Metric("scene_success", "scene success", lower_is_better=False, ratio=False)


def color_scores(image: np.ndarray, truth: world.Rendering, before: world.Rendering) -> dict[str, float]:
    """Scores of an image whose prompt names another colour than the reference's.

    Each main part's mean colour c lies somewhere near the line from its old colour a to its new colour b.

    Args:
        image: The generated image, uint8 (H, W, 3).
        truth: The ground truth, with the new colour.
        before: The same rendering with the old colour.

    Returns:
        ``color_change``: (c - a).(b - a) / |b - a|^2, averaged over the parts that are meant to change; 0 is the
        reference's colour, 1 the prompted one. ``color_rest``: mean distance of all parts from their line segments, in
        RGB levels per channel: what changed although it should not. ``color_followed``: 1.0 if the change is at least
        `FOLLOWED`, else 0.0. ``color_success``: 1.0 if so and the rest is at most `UNASKED`, else 0.0.
    """
    parts = main_parts(truth.parts)
    old, new, generated = (_mean_colors(each, parts) for each in (before.image, truth.image, image))
    change = new - old
    meant = np.abs(change).mean(axis=1) >= _VISIBLE
    shares = ((generated - old) * change).sum(axis=1) / np.maximum((change**2).sum(axis=1), 1e-9)
    moved = np.clip(shares, 0.0, 1.0)[:, None] * change
    followed = float(shares[meant].mean()) if meant.any() else 0.0
    rest = float(np.abs(generated - old - moved).mean())
    enough = followed >= FOLLOWED
    return {
        COLOR_CHANGE.name: followed,
        COLOR_REST.name: rest,
        COLOR_FOLLOWED.name: float(enough),
        COLOR_SUCCESS.name: float(enough and rest <= UNASKED),
    }


def pattern_scores(image: np.ndarray, truth: world.Rendering, named: str, wanted: str) -> dict[str, float]:
    """Scores of an image that should show another pattern than the reference.

    Args:
        image: The generated image, uint8 (H, W, 3).
        truth: The ground truth, with the new pattern.
        named: The pattern that the network names in the image.
        wanted: The pattern of the ground truth.

    Returns:
        ``pattern_named``: 1.0 if they are the same. ``pattern_success``: 1.0 if so, and the error of the parts' mean
        colours is at most `UNASKED`; else 0.0.
    """
    right = named == wanted
    kept = part_color_error(image, truth.image, truth.parts) <= UNASKED
    return {PATTERN_NAMED.name: float(right), PATTERN_SUCCESS.name: float(right and kept)}


def both_scores(values: Mapping[str, float]) -> dict[str, float]:
    """Scores of an image that should show another colour and another pattern.

    Args:
        values: The values of `color_scores` and `pattern_scores`.

    Returns:
        ``both_followed``: 1.0 if the colour changed far enough and the pattern is the prompted one. ``both_success``:
        1.0 if the colour is a success and the pattern is the prompted one; else 0.0.
    """
    named = values[PATTERN_NAMED.name]
    return {
        BOTH_FOLLOWED.name: min(values[COLOR_FOLLOWED.name], named),
        BOTH_SUCCESS.name: min(values[COLOR_SUCCESS.name], named),
    }


def scene_success(image: np.ndarray, truth: world.Rendering, leaked: world.Rendering) -> float:
    """1.0 if the scene is closer to the prompted one than to the reference's and the subject kept its colours, else 0.0.

    leaked: the ground truth's subject in front of the reference's scene. The colours are kept if the error of the
    parts' mean colours is at most `UNASKED`.
    """
    error, leaked_error = (scene_error(image, each.image, truth.mask) for each in (truth, leaked))
    return float(error < leaked_error and part_color_error(image, truth.image, truth.parts) <= UNASKED)


def _mean_colors(image: np.ndarray, parts: list[np.ndarray]) -> np.ndarray:
    """(parts, 3): the mean colour of each part."""
    return np.stack([image[part].astype(np.float64).mean(axis=0) for part in parts])
