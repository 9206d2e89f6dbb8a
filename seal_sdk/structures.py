"""Structure images on their way to the canvas: who is in them, and AnchorAlign onto the identity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from seal_sdk.config import Alignment
from seal_sdk.errors import SubjectNotFound
from seal_sdk.identity import Identity
from seal_sdk.images import fit, read_image
from seal_sdk.method.anchor_align import align_image, align_mask, anchor_transform
from seal_sdk.sizes import contain_box
from seal_sdk.subject import Subject, SubjectFinder, subject_from


@dataclass(frozen=True)
class Placed:
    """A structure image on the canvas: image RGB; mask (H, W) bool of its subject, None where nobody asked for it."""

    image: Image.Image
    mask: np.ndarray | None = None


def place(
    source: Any,
    canvas: tuple[int, int],
    identity: Identity | None,
    finder: Callable[[], SubjectFinder],
    alignment: Alignment,
    *,
    box: Any = None,
    mask: Any = None,
    needs_mask: bool = True,
) -> Placed:
    """Read a structure image and put it onto a canvas of (width, height), aligned with the identity's subject unless switched off.

    box, mask: the subject in pixels of the given image; otherwise the finder is asked, and only when alignment or gating needs it.
    Raises SubjectNotFound when it finds nobody or the aligned subject would lie outside of the canvas.
    """
    image = read_image(source)
    if identity is None or not alignment.enabled:
        fitted = fit(image, canvas)
        if not needs_mask:
            return Placed(fitted, None)
        subject = _subject(image, finder, box, mask)
        fitted_mask = fit(Image.fromarray(subject.mask.astype(np.uint8) * 255).convert("RGB"), canvas)
        return Placed(fitted, np.asarray(fitted_mask)[..., 0] > 127)
    subject = _subject(image, finder, box, mask)
    transform = anchor_transform(contain_box(identity.box, identity.size, canvas), subject.box)
    aligned_mask = align_mask(subject.mask, transform, canvas)
    if not aligned_mask.any():
        raise SubjectNotFound(
            f"AnchorAlign moved the structure image's subject (box {tuple(round(v) for v in subject.box)}) off the canvas; "
            "give structure_box= or switch it off with alignment=Alignment(enabled=False)."
        )
    return Placed(align_image(image, transform, canvas, alignment.fill), aligned_mask)


def _subject(image: Image.Image, finder: Callable[[], SubjectFinder], box: Any, mask: Any) -> Subject:
    if box is not None or mask is not None:
        return subject_from(image, box=box, mask=mask)
    return finder().find(image, "structure")
