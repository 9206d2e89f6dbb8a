"""Where the labels of points stand, so that neither they nor the lines to them cover another label or point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 12
"""Pixels of a line."""
_LETTER = 6.4  # pixels a letter at most, on average
_POINT = 5  # half the side of the square that a point keeps free
_LINE = 1  # the same along a line
_DISTANCES = (8, 18, 30, 44, 60, 80, 105, 135, 170)
_DIRECTIONS = (
    *((1, 0), (-1, 0), (0.8, -0.8), (0.8, 0.8), (-0.8, -0.8), (-0.8, 0.8), (0, -1), (0, 1)),
    *((0.95, -0.4), (0.95, 0.4), (-0.95, -0.4), (-0.95, 0.4), (0.4, -0.95), (0.4, 0.95), (-0.4, -0.95), (-0.4, 0.95)),
)
"""Right and down, the preferred ones first."""
Place = tuple[float, float]
"""(x, y) in pixels from the top left."""


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

    def nearest(self, point: Place) -> Place:
        """The place in the rectangle that is nearest to a point."""
        x, y = point
        return min(max(x, self.left), self.right), min(max(y, self.top), self.bottom)


def place_labels(points: Sequence[Place], labels: Sequence[str], area: Box) -> list[Box]:
    """A place for each point's label, the nearest that is free.

    Args:
        points: (x, y) of each.
        labels: Their texts.
        area: Where labels stand; it has room for each beside its point. Where it is too full, a line to a label may cross something, and
            then a label may.
    """
    squares = [_square(point, _POINT) for point in points]
    placed: list[Box] = []
    lines: list[Box] = []
    for point, square, label in zip(points, squares, labels, strict=True):
        others = [each for each in squares if each != square] + placed
        choices = [box for box in _choices(point, _LETTER * len(label)) if box.within(area)]
        free = [box for box in choices if not _covers([box], [square, *others, *lines])]
        clear = (box for box in free if not _covers(_line(point, box), [*others, *lines]))
        box = next(clear, next(iter(free or choices)))
        placed.append(box)
        lines += _line(point, box)
    return placed


def _covers(shapes: Sequence[Box], others: Sequence[Box]) -> bool:
    return any(shape.overlaps(other) for shape in shapes for other in others)


def _line(point: Place, box: Box) -> list[Box]:
    """Squares along the line from a point to its label."""
    (x, y), (end_x, end_y) = point, box.nearest(point)
    count = int(max(abs(end_x - x), abs(end_y - y)) / 4)
    shares = [(index + 1) / (count + 1) for index in range(count)]
    return [_square((x + share * (end_x - x), y + share * (end_y - y)), _LINE) for share in shares]


def _square(middle: Place, half: float) -> Box:
    x, y = middle
    return Box(x - half, y - half, x + half, y + half)


def _choices(point: Place, width: float) -> list[Box]:
    """Boxes around a point, the nearest first; their nearer side is at one of `_DISTANCES`."""
    boxes, (x, y) = [], point
    for distance in _DISTANCES:
        for right, down in _DIRECTIONS:
            left = x + right * distance - (0 if right > 0 else width if right < 0 else width / 2)
            top = y + down * distance - HEIGHT / 2
            boxes.append(Box(left, top, left + width, top + HEIGHT))
    return boxes
