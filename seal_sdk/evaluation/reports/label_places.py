"""Where the labels of points stand, so that none covers another or a point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 12
"""Pixels of a line."""
_LETTER = 6.4  # pixels a letter at most, on average
_POINT = 5  # half the side of the square that a point keeps free
_DISTANCES = (8, 18, 30, 44, 60, 80, 105, 135)
_DIRECTIONS = ((1, 0), (-1, 0), (0.8, -0.8), (0.8, 0.8), (-0.8, -0.8), (-0.8, 0.8), (0, -1), (0, 1))


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, from the top left."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Box) -> bool:
        """Whether they share more than an edge."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def within(self, area: Box) -> bool:
        """Whether it is inside of an area."""
        across = area.left <= self.left and self.right <= area.right
        return across and area.top <= self.top and self.bottom <= area.bottom

    def nearest(self, x: float, y: float) -> tuple[float, float]:
        """The point of the rectangle that is nearest to (x, y)."""
        return min(max(x, self.left), self.right), min(max(y, self.top), self.bottom)


def place_labels(points: Sequence[tuple[float, float]], labels: Sequence[str], area: Box) -> list[Box]:
    """A place for each point's label, the nearest that is free.

    Args:
        points: (x, y) of each.
        labels: Their texts.
        area: Where labels may stand. If no place in it is free, a label stands right of its point, whatever is there.
    """
    taken = [Box(x - _POINT, y - _POINT, x + _POINT, y + _POINT) for x, y in points]
    placed: list[Box] = []
    for (x, y), label in zip(points, labels, strict=True):
        choices = _choices(x, y, _LETTER * len(label))
        free = (box for box in choices if box.within(area) and not any(map(box.overlaps, taken)))
        box = next(free, choices[0])
        placed.append(box)
        taken.append(box)
    return placed


def _choices(x: float, y: float, width: float) -> list[Box]:
    """Boxes around a point, the nearest first; their nearer side is at one of `_DISTANCES`."""
    boxes = []
    for distance in _DISTANCES:
        for right, down in _DIRECTIONS:
            left = x + right * distance - (0 if right > 0 else width if right < 0 else width / 2)
            top = y + down * distance - HEIGHT / 2
            boxes.append(Box(left, top, left + width, top + HEIGHT))
    return boxes
