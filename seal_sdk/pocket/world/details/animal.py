"""What one recognises an animal by, beside colours and pattern."""

from __future__ import annotations

from dataclasses import dataclass

from ..colors import Color


@dataclass(frozen=True)
class AnimalDetails:
    """An animal's details. Colours are RGB in [0, 1].

    Attributes:
        iris: Colour of the eyes.
        collar: Colour of a collar around the neck (cats and dogs), or None for none.
        blaze: Whether the face has a white mark (horses).
    """

    iris: Color
    collar: Color | None = None
    blaze: bool = False
