"""How far the boxes of structure image and reference differ. Ours."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from seal_sdk.evaluation.questions.triples import Triple
from seal_sdk.evaluation.statistics import seed_means
from seal_sdk.method.anchor_align import Box


def misalignment(triple: Triple) -> float:
    """How far AnchorAlign moves and scales the structure image's subject, from the true boxes: 0 not at all, 1 out of its old box.

    It is one minus the intersection over union of the subject's box before and after. Both show the same pose, so that they differ in
    scale and place alone.
    """
    return 1.0 - box_iou(triple.structure.box, triple.truth.box)


def misalignments(triples: Iterable[Triple]) -> np.ndarray:
    """(seeds,): the mean of each seed's triples, in the order of the seeds."""
    return seed_means((triple.seed, [misalignment(triple)]) for triple in triples)[:, 0]


def box_iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes (x0, y0, x1, y1), 0 to 1."""
    across = min(first[2], second[2]) - max(first[0], second[0])
    down = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(across, 0.0) * max(down, 0.0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return shared / (areas - shared)
