"""Who is in an image: one subject, aligned with the structure image, or several, each in a region of its own (ours)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seal_sdk.backbone.prompts import check_prompt
from seal_sdk.config import Appearance
from seal_sdk.errors import InputError, UnknownIdentity
from seal_sdk.generation.settings import Settings
from seal_sdk.identity import Identity, Library
from seal_sdk.images import read_mask
from seal_sdk.segmentation import subject_from


@dataclass(frozen=True, eq=False)
class Region:
    """Where one of several subjects is drawn, and what the prompt says of it alone (ours).

    place: a box (x0, y0, x1, y1) or a mask (H, W, or an image), in pixels of the image to draw.
    prompt: a wording of its own, such as "a photo of a blue cat": prompt edits compare it, instead of the image's prompt, with the
    reference's. None: they read the image's prompt.
    Raises PromptError for a prompt without words.
    """

    place: Any
    prompt: str | None = None

    def __post_init__(self) -> None:
        if self.prompt is not None:
            check_prompt(self.prompt, "Region(prompt=...)")


@dataclass(frozen=True, eq=False)
class SubjectBinding:
    """One subject of an image.

    references: the subject in one or several references, each registered as an identity; it is aligned with the first.
    region: a box (x0, y0, x1, y1) or a mask (H, W) bool in pixels of the image to draw, or None for the whole image.
    prompt: what is said of it alone; None: the image's prompt.
    """

    references: tuple[Identity, ...]
    region: Any = None
    prompt: str | None = None

    @property
    def identity(self) -> Identity:
        """The first reference, which also says what the subject is aligned with and called."""
        return self.references[0]


def sole_identity(subjects: Sequence[SubjectBinding]) -> Identity | None:
    """The identity that has the whole image, and that the structure image is aligned with."""
    return subjects[0].identity if len(subjects) == 1 and subjects[0].region is None else None


def other_prompts(subject: SubjectBinding, subjects: Sequence[SubjectBinding]) -> tuple[str, ...]:
    """The reference prompts of an image's other subjects."""
    return tuple(each.identity.prompt for each in subjects if each is not subject)


def lacks_words(prompt: str | None, subjects: Sequence[SubjectBinding]) -> bool:
    """Whether nothing is said in words of some subject. prompt: the image's; None where only its embeddings are known."""
    return prompt is None and any(each.prompt is None for each in subjects)


def joint_prompt(subjects: Sequence[SubjectBinding]) -> str:
    """What the subjects' references show, all together."""
    return " and ".join(each.identity.prompt for each in subjects)


def check_gating(chosen: Any, appearance: Appearance) -> None:
    """Raise InputError for subjects in regions that nothing would keep apart."""
    if isinstance(chosen, Mapping) and appearance.gating == "none":
        raise InputError("Several identities need Appearance(gating='subject'): without it each would be everywhere.")


@dataclass(frozen=True, eq=False)
class SubjectBinder:
    """Finds the subjects of an image. in_use: the identity where none is asked for."""

    settings: Settings
    in_use: Identity | None
    library: Library

    def __call__(self, chosen: Any) -> tuple[SubjectBinding, ...]:
        """The subjects that ``identity=`` stands for, or the one in use; none for False, or when the settings need none.

        Raises UnknownIdentity, or InputError for several subjects that nothing would keep apart.
        """
        if chosen is False:
            return ()
        chosen = self.in_use if chosen is None else chosen
        if chosen is None:
            return self._nobody()
        subjects = bind_subjects(chosen, self.library.find)
        check_gating(chosen, self.settings.appearance)
        return subjects

    def _nobody(self) -> tuple[SubjectBinding, ...]:
        if not self.settings.needs_identity:
            return ()
        known = ", ".join(list(self.library)[:5]) or "none yet"
        raise UnknownIdentity(
            f"No identity is in use: call session.register(...) or session.use(name) first, or pass identity= (in the store: {known}). "
            "To draw without one: identity=False."
        )


def bind_subjects(chosen: Any, find: Callable[[Any], Identity]) -> tuple[SubjectBinding, ...]:
    """The subjects that ``identity=`` stands for: one reference, a tuple of references, or a mapping of such to regions.

    find: opens what names an identity. Raises InputError for an empty tuple or mapping, and for a mapping without regions.
    """
    if not isinstance(chosen, Mapping):
        return (_bind(chosen, Region(None), find),)
    regions = {names: each if isinstance(each, Region) else Region(each) for names, each in chosen.items()}
    if not regions or any(region.place is None for region in regions.values()):
        raise InputError(f"identity={dict(chosen)!r}: give each identity a box (x0, y0, x1, y1) or a mask (H, W).")
    return tuple(_bind(names, region, find) for names, region in regions.items())


def _bind(names: Any, region: Region, find: Callable[[Any], Identity]) -> SubjectBinding:
    references = names if isinstance(names, tuple) else (names,)
    if not references:
        raise InputError("identity=(): name at least one reference of the subject.")
    place = region.place if region.place is None or is_box(region.place) else read_mask(region.place)
    return SubjectBinding(tuple(map(find, references)), place, region.prompt)


def region_masks(
    subjects: Sequence[SubjectBinding], canvas: tuple[int, int], image: Image.Image | None
) -> list[NDArray[np.bool_]]:
    """Each subject's mask (H, W) bool on a canvas of (width, height).

    Within a box it is what differs from the uniform background of the structure ``image``, or the whole box without one. Where regions
    overlap, the first one wins. Raises InputError for regions that do not fit the canvas or hold nothing.
    """
    taken = np.zeros(canvas[::-1], dtype=bool)
    found = []
    for each in subjects:
        given = {"box": each.region} if is_box(each.region) else {"mask": each.region}
        mask = subject_from(image or Image.new("RGB", canvas), **given).mask & ~taken
        if not mask.any():
            raise InputError(f"Nothing is left of the region of {each.identity.name!r}: those before it cover it.")
        taken |= mask
        found.append(mask)
    return found


def within(mask: NDArray[np.bool_], painted: NDArray[np.bool_] | None, name: str) -> NDArray[np.bool_]:
    """The part of a subject's mask (H, W) that is painted, None: all of it. Raises InputError where that is nothing."""
    if painted is None:
        return mask
    if not (mask & painted).any():
        raise InputError(
            f"The region of {name!r} lies outside of mask_image, where nothing is painted: move one to the other."
        )
    return mask & painted


def is_box(region: Any) -> bool:
    """Whether these are four numbers. Paths and bytes are sequences as well, and name masks."""
    if isinstance(region, (str, bytes, bytearray, memoryview)):
        return False
    return isinstance(region, Sequence) and len(region) == 4 and not isinstance(region[0], Sequence)
