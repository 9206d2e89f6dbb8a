"""The reference image: read, resized for the model, with its subject."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seal_sdk.backbone.geometry import LatentGeometry
from seal_sdk.errors import InputError
from seal_sdk.images import mask_digest, pixels_digest, read_picture, subject_mask, warn_if_inverted
from seal_sdk.images.boxes import Box, scale_box
from seal_sdk.images.download import is_url, public_url
from seal_sdk.segmentation import Subject, SubjectSegmenter, subject_from


@dataclass(frozen=True, eq=False)
class Reference:
    """A reference image ready for the model.

    image: RGB, at the size at which it is captured. prompt: what it shows. box, mask: the caller's or the
    cut-out's, in its pixels, if any.
    """

    image: Image.Image
    prompt: str
    box: Box | None = None
    mask: NDArray[np.bool_] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.image.height, self.image.width

    def subject_recipe(self, segmenter: Callable[[], SubjectSegmenter]) -> dict[str, Any]:
        """Who says where the subject is, by content."""
        if self.mask is not None:
            return {"mask": mask_digest(self.mask)}
        if self.box is not None:
            return {"box": [float(v) for v in self.box]}
        return {"finder": segmenter().fingerprint}

    def subject(self, segmenter: Callable[[], SubjectSegmenter]) -> Subject:
        """The given box or mask, else what the segmenter finds. Raises SubjectNotFound."""
        if self.mask is None and self.box is None:
            return segmenter().find(self.image, "reference")
        return subject_from(self.image, box=self.box, mask=self.mask)


def read_reference(
    geometry: LatentGeometry, image: Any, prompt: str, box: Sequence[float] | None, mask: Any
) -> Reference:
    """Check and resize a reference, its box and its mask (both in pixels of the given image, upright).

    A cut-out brings its mask along: without a box or mask, what is opaque is the subject. Warns of masks that look inverted.
    Raises ImageError, InputError for boxes and masks that do not fit or leave less than one token of the coarsest grid, or SizeError.
    """
    picture = read_picture(image)
    original = picture.image
    marked = subject_mask(picture, box, mask)
    given = None if box is None and marked is None else subject_from(original, box=box, mask=marked)
    size = geometry.reference_size(original.size)
    resized = original.resize(size, Image.Resampling.LANCZOS) if size != original.size else original
    if marked is not None:
        warn_if_inverted(marked, "reference")
    resized_mask = None if marked is None else _resize_mask(marked, size)
    if given is not None:
        scale = size[0] * size[1] / (original.width * original.height)
        area = given.mask.sum() * scale if resized_mask is None else resized_mask.sum()
        _check_area(float(area), scale, geometry.pixels_per_coarsest_token)
    return Reference(resized, prompt, None if box is None else _scaled(box, original.size, size), resized_mask)


def _check_area(area: float, scale: float, token: int) -> None:
    """Refuse a subject of ``area`` pixels that no token would show, of which each is ``token`` pixels wide.

    scale: how many pixels the model sees of each pixel of the caller's image.
    """
    least = token * token
    if area < least:
        raise InputError(
            f"The subject that box=, mask= or the cut-out marks covers {area / scale:.0f} pixels, and the model needs at least "
            f"{math.ceil(least / scale)}: one of its coarsest tokens. Within a box, what has the colour of a uniform background does not "
            "count. Mark more of the subject, or crop the image to it."
        )


def _scaled(box: Sequence[float], old: tuple[int, int], new: tuple[int, int]) -> Box:
    x0, y0, x1, y1 = (float(value) for value in box)
    return scale_box((x0, y0, x1, y1), old, new)


def _resize_mask(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    binary = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(binary.resize(size, Image.Resampling.BOX)) > 127


def default_name(image: Any, reference: Reference) -> str:
    """A name for an identity that was given none: the file's stem, or the start of the pixels' digest."""
    path = public_url(image) if is_url(image) else image
    stem = Path(path).stem if isinstance(path, (str, Path)) else ""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.") or "identity-" + pixels_digest(reference.image)[:8]
