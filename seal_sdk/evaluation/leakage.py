"""Whether the reference's scene shows up where another scene was asked for. Ours."""

from __future__ import annotations

import numpy as np

from seal_sdk.evaluation.metrics import SCENE_MARGIN, Metric, dilate, scene_field

LEAKAGE = Metric("leakage", "scene leakage", ratio=False)


def leakage(image: np.ndarray, truth: np.ndarray, reference: np.ndarray, subjects: np.ndarray) -> float:
    """How far the drawn scene lies from the prompted one towards the reference's, in RGB levels; 0 is not at all.

    image, truth, reference: uint8 (H, W, 3), the latter the reference photo. subjects: (H, W) bool, where the truth's
    or the reference's subject is; it and a margin around it count for nothing. Pictures are compared as colour fields,
    as in `scene_error`. Words leave a scene's colours open, so no method comes out at exactly 0: what counts is the
    difference to a method that was never shown the reference, as `summarize` gives it.
    """
    outside = ~dilate(subjects, round(SCENE_MARGIN * max(subjects.shape)))
    asked, shown, drawn = (scene_field(each.astype(np.float64), outside)[outside] for each in (truth, reference, image))
    way = shown - asked
    length = np.linalg.norm(way)
    if length < 1e-9:
        return 0.0
    return float(((drawn - asked) * way).sum() / length / np.sqrt(way.size))
