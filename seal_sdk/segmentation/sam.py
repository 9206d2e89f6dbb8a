"""The subject by segment-anything: all masks of a point grid, of which the most subject-like one is chosen."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from seal_sdk.errors import SubjectNotFound
from seal_sdk.segmentation.background import foreground
from seal_sdk.segmentation.base import Box, Subject, mask_box

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

LIKELY_AREA = 0.25  # a subject's usual share of the image (ours)
AGREEMENT = 0.5  # IoU with the box of what differs from a uniform background, under which that is trusted instead


class SamSegmenter:
    """Finds the one subject of an image with a Sam model.

    points_per_side: of the grid that prompts it; the embedded model needs few. min_quality: masks of a lower predicted IoU or stability
    are dropped. fingerprint names the weights; the segmenter adds its settings to it.
    """

    def __init__(self, sam: Sam, fingerprint: str, *, points_per_side: int = 16, min_quality: float = 0.7) -> None:
        from segment_anything import SamAutomaticMaskGenerator

        self.fingerprint = f"{fingerprint}:{points_per_side}:{min_quality:g}"
        self.calls = 0
        self._lock = Lock()
        self._sam = sam.eval()
        self._generator = SamAutomaticMaskGenerator(
            sam,
            points_per_side=points_per_side,
            pred_iou_thresh=min_quality,
            stability_score_thresh=min_quality,
            crop_n_layers=0,
        )

    @property
    def model(self) -> Sam:
        """The Sam that answers."""
        return self._sam

    def find(self, image: Image.Image, what: str = "reference") -> Subject:
        """The best mask by predicted IoU x stability x area prior x centrality, of those that touch fewer than three borders (ours).

        On a structure image with a uniform background, what differs from the background takes over where SAM finds
        nothing or something else (box IoU under 0.5). Images larger than SAM's own input are shrunk to it first.
        Raises SubjectNotFound when nobody is found.
        """
        with self._lock:  # SAM's predictor holds one image at a time
            return self._found(image.convert("RGB"), what)

    def _found(self, image: Image.Image, what: str) -> Subject:
        self.calls += 1
        apart = foreground(image) if what == "structure" else None
        if apart is not None and not apart.any():
            raise self._nobody(what)
        best = self._best(image)
        if apart is not None and (best is None or _box_iou(best.box, mask_box(apart)) < AGREEMENT):
            return Subject(mask_box(apart), apart, best.score if best else 0.0)
        if best is None:
            raise self._nobody(what)
        return best

    def _best(self, image: Image.Image) -> Subject | None:
        """SAM sees no more pixels than its input has, but makes every mask at the image's size: gigabytes for a photo."""
        small = image.copy()
        side = self._sam.image_encoder.img_size
        small.thumbnail((side, side), Image.Resampling.BOX)
        subjects = filter(None, map(_scored, self._generator.generate(np.asarray(small))))
        best = max(subjects, key=lambda subject: subject.score, default=None)
        return best if best is None or small.size == image.size else _enlarged(best, image.size)

    @staticmethod
    def _nobody(what: str) -> SubjectNotFound:
        argument = "structure_box=(x0, y0, x1, y1)" if what == "structure" else "box=(x0, y0, x1, y1) or mask="
        return SubjectNotFound(f"No subject was found in the {what} image; say where it is with {argument}, in pixels.")


def _scored(found: dict[str, Any]) -> Subject | None:
    """One of SAM's masks as a subject, None when it looks like background."""
    mask = found["segmentation"]
    height, width = mask.shape
    borders = [mask[0].any(), mask[-1].any(), mask[:, 0].any(), mask[:, -1].any()]
    if not mask.any() or sum(borders) >= 3:
        return None
    share = mask.mean()
    area_prior = float(np.exp(-(np.log(share / LIKELY_AREA) ** 2) / 2))
    x0, y0, x1, y1 = mask_box(mask)
    off_centre = np.hypot((x0 + x1) / 2 / width - 0.5, (y0 + y1) / 2 / height - 0.5)
    score = found["predicted_iou"] * found["stability_score"] * area_prior * (1 - min(float(off_centre), 0.5))
    return Subject((x0, y0, x1, y1), mask, float(min(max(score, 0.0), 1.0)))


def _enlarged(subject: Subject, size: tuple[int, int]) -> Subject:
    """A subject found in a smaller copy, in pixels of the image of (width, height)."""
    mask = np.asarray(Image.fromarray(subject.mask).resize(size, Image.Resampling.NEAREST))
    return Subject(mask_box(mask), mask, subject.score)


def _box_iou(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / (_area(one) + _area(other) - shared)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


SamFinder = SamSegmenter
"""The old name; it goes with the next release."""
