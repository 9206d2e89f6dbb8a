"""Details that tell one subject from another where a picture is large enough: hair, glasses, hats, logos, clothes. Ours.

They are painted on the body, whose geometry is the same for all: masks, parts, coordinates and structure images never show them.
"""

from __future__ import annotations

from .animal import AnimalDetails
from .person import HAIR_STYLES, HATS, LOGOS, Hat, Logo, PersonDetails

__all__ = ["HAIR_STYLES", "HATS", "LOGOS", "AnimalDetails", "Hat", "Logo", "PersonDetails"]
