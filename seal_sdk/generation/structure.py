"""Structure images on their way to the canvas: where their subject is, and AnchorAlign onto the identity's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from seal_sdk.config import Alignment
from seal_sdk.errors import SubjectNotFound
from seal_sdk.generation.input_cache import subject_cache
from seal_sdk.identity import Identity
from seal_sdk.images import Picture, fit, read_image, read_picture, subject_mask, warn_if_inverted
from seal_sdk.images.boxes import contain_box
from seal_sdk.images.digest import pixels_digest
from seal_sdk.kv_cache.cache import BoundedCache
from seal_sdk.method.anchor_align import Box, Transform, align_image, align_mask, anchor_transform, fit_transform
from seal_sdk.segmentation import Subject, SubjectSegmenter, subject_from


@dataclass(frozen=True, eq=False)
class StructureInput:
    """A picture's structure image as the caller gives it, None for none.

    box, mask: its subject, in its own pixels, if it is known. The mask is whatever `read_mask` takes. others: further images of the same
    frame, such as the depth beside the pose.
    """

    image: Any
    box: Sequence[float] | None = None
    mask: Any = None
    others: tuple[Any, ...] = ()

    @property
    def images(self) -> tuple[Any, ...]:
        """All of them, in the caller's order; none where there is no structure."""
        return () if self.image is None and not self.others else (self.image, *self.others)


@dataclass(frozen=True, eq=False)
class AlignedStructure:
    """A structure image on the canvas: image RGB; mask (H, W) bool of its subject, None where nobody asked for it.

    others: further images of the same frame, moved as the first was. tensors: (1, 3, H, W) each, what a ControlNet sees in place of the
    images (`structure_tensors`); None: the images.
    """

    image: Image.Image
    mask: NDArray[np.bool_] | None = None
    others: tuple[Image.Image, ...] = ()
    tensors: tuple[Tensor, ...] | None = None

    @property
    def images(self) -> tuple[Image.Image, ...]:
        """All of them, in the caller's order."""
        return (self.image, *self.others)


@dataclass(frozen=True)
class Anchor:
    """Where a structure image's subject is to stand.

    box: (x0, y0, x1, y1) in pixels of the canvas. within: whether it must not be wider than the box; else only heights count (paper).
    """

    box: Box
    within: bool = False

    @classmethod
    def of(cls, identity: Identity, canvas: tuple[int, int]) -> Anchor:
        """Where the identity's subject stands on a canvas of (width, height)."""
        return cls(contain_box(identity.box, identity.size, canvas))

    def transform(self, structure_box: Box) -> Transform:
        """From the structure image to the canvas."""
        return (fit_transform if self.within else anchor_transform)(self.box, structure_box)


@dataclass(frozen=True, eq=False)
class StructureAligner:
    """Puts structure images onto a canvas of (width, height). segmenter: loaded when first asked. known: what it found before."""

    canvas: tuple[int, int]
    alignment: Alignment
    segmenter: Callable[[], SubjectSegmenter]
    known: BoundedCache[Subject] = field(default_factory=subject_cache)

    def align(
        self,
        given: StructureInput,
        anchor: Anchor | None,
        needs_mask: bool = True,
        painted: NDArray[np.bool_] | None = None,
    ) -> AlignedStructure:
        """Read a structure image and put it onto the canvas, its subject at the anchor unless that is None or switched off.

        Further images of the frame are resized to the first one's size, and take its transform.
        painted: (H, W) outside of which no subject can be. The segmenter is asked only when alignment or the mask needs the subject, the
        caller does not name it, and the image is no cut-out.
        Raises ImageError, SubjectNotFound when it finds nobody or the subject would lie outside of the canvas, or of what is painted.
        """
        picture = read_picture(given.image)
        image, others = picture.image, [_resized(read_image(each), picture.image.size) for each in given.others]
        if anchor is None or not self.alignment.enabled:
            mask = _fit_mask(self.find(picture, given).mask, self.canvas) if needs_mask else None
            first, *further = (fit(each, self.canvas) for each in (image, *others))
            return AlignedStructure(first, _painted(mask, painted), tuple(further))
        subject = self.find(picture, given)
        transform = anchor.transform(subject.box)
        mask = align_mask(subject.mask, transform, self.canvas)
        if not mask.any():
            raise SubjectNotFound(
                f"AnchorAlign moved the structure image's subject (box {tuple(round(v) for v in subject.box)}) off the canvas; "
                "give structure_box= or switch it off with alignment=Alignment(enabled=False)."
            )
        first, *further = (align_image(each, transform, self.canvas, self.alignment.fill) for each in (image, *others))
        known = _painted(mask, painted) if needs_mask or painted is None else None
        return AlignedStructure(first, known, tuple(further))

    def find(self, picture: Picture, given: StructureInput) -> Subject:
        """The structure image's subject, in its own pixels. Raises SubjectNotFound."""
        mask = subject_mask(picture, given.box, given.mask)
        if mask is None and given.box is None:
            return self._look_for(picture.image)
        subject = subject_from(picture.image, box=given.box, mask=mask)
        if mask is not None:
            warn_if_inverted(mask, "structure")
        return subject

    def _look_for(self, image: Image.Image) -> Subject:
        """What the segmenter finds; it is asked once for an image, whatever is drawn of it."""
        segmenter = self.segmenter()
        key = segmenter.fingerprint, pixels_digest(image)
        return self.known.get_or_make(key, lambda: segmenter.find(image, "structure"))


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def _painted(mask: NDArray[np.bool_] | None, painted: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """The part of a subject's mask that is painted."""
    if mask is None or painted is None:
        return mask
    if not (mask & painted).any():
        raise SubjectNotFound(
            "The structure image's subject lies outside of mask_image, where nothing is painted: give structure_box= or structure_mask=, "
            "or leave alignment on, which moves it there."
        )
    return mask & painted


def _fit_mask(mask: NDArray[np.bool_], canvas: tuple[int, int]) -> NDArray[np.bool_]:
    fitted = fit(Image.fromarray(mask.astype(np.uint8) * 255).convert("RGB"), canvas)
    return np.asarray(fitted)[..., 0] > 127
