"""Who is in an image: one identity, aligned with the structure image, or several, each in a region of its own (ours).

A subject may be known from several references, each registered as an identity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from seal_sdk.errors import InputError
from seal_sdk.identity import Identity
from seal_sdk.subject import subject_from


@dataclass(frozen=True, eq=False)
class Role:
    """One subject of an image. region: a box (x0, y0, x1, y1) or a mask (H, W) in pixels of the image to draw, or None.

    identity: what it is aligned with and described by. more: other references of the same subject.
    """

    identity: Identity
    region: Any = None
    more: tuple[Identity, ...] = ()

    @property
    def references(self) -> tuple[Identity, ...]:
        return (self.identity, *self.more)


Cast = tuple[Role, ...]


def alone(cast: Cast) -> Identity | None:
    """The identity that has the whole image, and that the structure image is aligned with."""
    return cast[0].identity if len(cast) == 1 and cast[0].region is None else None


def cast_of(chosen: Any, find: Callable[[Any], Identity]) -> Cast:
    """The subjects that ``chosen`` stands for: one or a tuple of references, or a mapping of such to regions.

    find: opens what names an identity. Raises InputError for an empty tuple.
    """
    regions = chosen.items() if isinstance(chosen, Mapping) else [(chosen, None)]
    return tuple(
        _role([find(each) for each in (names if isinstance(names, tuple) else (names,))], region)
        for names, region in regions
    )


def _role(references: Sequence[Identity], region: Any) -> Role:
    if not references:
        raise InputError("identity=(): name at least one reference of the subject.")
    return Role(references[0], region, tuple(references[1:]))


def regions(cast: Cast, canvas: tuple[int, int], image: Image.Image | None) -> list[np.ndarray]:
    """Each role's (H, W) bool on a canvas of (width, height): what differs from a uniform background within a box, the
    whole box where there is no structure ``image``; where regions overlap, the first has it.

    Raises InputError for regions that do not fit the canvas or hold nothing.
    """
    taken = np.zeros(canvas[::-1], dtype=bool)
    found = []
    for each in cast:
        given = {"box": each.region} if _is_box(each.region) else {"mask": each.region}
        mask = subject_from(image or Image.new("RGB", canvas), **given).mask & ~taken
        if not mask.any():
            raise InputError(f"Nothing is left of the region of {each.identity.name!r}: those before it cover it.")
        taken |= mask
        found.append(mask)
    return found


def _is_box(region: Any) -> bool:
    return isinstance(region, Sequence) and len(region) == 4 and not isinstance(region[0], Sequence)
