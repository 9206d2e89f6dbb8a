"""Painting an animal's eyes, muzzle, feet and collar."""

from __future__ import annotations

from ..identity import Identity
from .animal import AnimalDetails
from .canvas import Canvas


def paint_coat(canvas: Canvas, identity: Identity, details: AnimalDetails) -> None:
    """Paint an animal's details."""
