"""Who is in an image: one identity, aligned with the structure image, or several, each in a region of its own (ours)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from seal_sdk.errors import InputError
from seal_sdk.identity import Identity
from seal_sdk.subject import subject_from


@dataclass(frozen=True, eq=False)
class Role:
    """One identity of an image. region: a box (x0, y0, x1, y1) or a mask (H, W) in pixels of the image to draw, or None."""

    identity: Identity
    region: Any = None


Cast = tuple[Role, ...]


def alone(cast: Cast) -> Identity | None:
    """The identity that has the whole image, and that the structure image is aligned with."""
    return cast[0].identity if len(cast) == 1 and cast[0].region is None else None


def regions(cast: Cast, canvas: tuple[int, int], image: Image.Image | None) -> list[np.ndarray]:
    """Each role's (H, W) bool on a canvas of (width, height): what differs from a uniform background within a box, the
    whole box where there is no structure ``image``; where regions overlap, the first has it.

    Raises InputError for regions that do not fit the canvas or hold nothing.
    """
    taken = np.zeros(canvas[::-1], dtype=bool)
    found = []
    for role in cast:
        given = {"box": role.region} if _is_box(role.region) else {"mask": role.region}
        mask = subject_from(image or Image.new("RGB", canvas), **given).mask & ~taken
        if not mask.any():
            raise InputError(f"Nothing is left of the region of {role.identity.name!r}: those before it cover it.")
        taken |= mask
        found.append(mask)
    return found


def _is_box(region: Any) -> bool:
    return isinstance(region, Sequence) and len(region) == 4 and not isinstance(region[0], Sequence)
