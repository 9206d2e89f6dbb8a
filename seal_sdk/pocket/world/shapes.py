"""Solid 2-D shapes: coverage, inflated normals and heights at arrays of points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Point = tuple[float, float]
Bounds = tuple[float, float, float, float]  # x0, y0, x1, y1


class Surface(NamedTuple):
    """A shape seen at (H, W) points.

    Attributes:
        inside: Whether a point is on the shape.
        nx: The surface normal's x, in [-1, 1] inside.
        ny: The surface normal's y, in [-1, 1] inside.
        height: Height above the shape's middle plane, in the shape's units.
    """

    inside: np.ndarray
    nx: np.ndarray
    ny: np.ndarray
    height: np.ndarray


def polar(origin: Point, length: float, angle: float) -> Point:
    """Return the point at a distance and an angle (radians, counter-clockwise from +x, y up) from the origin."""
    return origin[0] + length * math.cos(angle), origin[1] + length * math.sin(angle)


def mix(a: Point, b: Point, share: float) -> Point:
    """Interpolate from a (share 0) to b (share 1)."""
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


@dataclass(frozen=True)
class Capsule:
    """A tapered capsule from ``a`` (radius ``ra``) to ``b`` (radius ``rb``)."""

    a: Point
    b: Point
    ra: float
    rb: float

    @property
    def origin(self) -> Point:
        """The point that moves and turns with the shape."""
        return self.a

    @property
    def angle(self) -> float:
        """Direction from ``a`` to ``b`` in radians."""
        return math.atan2(self.b[1] - self.a[1], self.b[0] - self.a[0])

    @property
    def bounds(self) -> Bounds:
        """The smallest box around the shape."""
        (ax, ay), (bx, by), ra, rb = self.a, self.b, self.ra, self.rb
        return min(ax - ra, bx - rb), min(ay - ra, by - rb), max(ax + ra, bx + rb), max(ay + ra, by + rb)

    def surface(self, x: np.ndarray, y: np.ndarray) -> Surface:
        """Evaluate the shape at points x (1, W) and y (H, 1)."""
        dx, dy = self.b[0] - self.a[0], self.b[1] - self.a[1]
        px, py = x - self.a[0], y - self.a[1]
        along = np.clip((px * dx + py * dy) / max(dx * dx + dy * dy, 1e-12), 0.0, 1.0)
        radius = self.ra + (self.rb - self.ra) * along
        nx, ny = (px - along * dx) / radius, (py - along * dy) / radius
        square = nx * nx + ny * ny
        return Surface(square <= 1.0, nx, ny, radius * np.sqrt(np.maximum(1.0 - square, 0.0)))


@dataclass(frozen=True)
class Ellipse:
    """An ellipse about ``origin`` with half axes ``rx`` and ``ry``, turned by ``angle``."""

    origin: Point
    rx: float
    ry: float
    angle: float = 0.0

    @property
    def bounds(self) -> Bounds:
        """The smallest box around the shape."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        half_x, half_y = math.hypot(self.rx * cos, self.ry * sin), math.hypot(self.rx * sin, self.ry * cos)
        x, y = self.origin
        return x - half_x, y - half_y, x + half_x, y + half_y

    def surface(self, x: np.ndarray, y: np.ndarray) -> Surface:
        """Evaluate the shape at points x (1, W) and y (H, 1)."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        px, py = x - self.origin[0], y - self.origin[1]
        u, v = (cos * px + sin * py) / self.rx, (cos * py - sin * px) / self.ry
        square = u * u + v * v
        height = min(self.rx, self.ry) * np.sqrt(np.maximum(1.0 - square, 0.0))
        return Surface(square <= 1.0, cos * u - sin * v, sin * u + cos * v, height)


@dataclass(frozen=True)
class Triangle:
    """A flat triangle with counter-clockwise corners ``a``, ``b``, ``c``."""

    a: Point
    b: Point
    c: Point

    @property
    def origin(self) -> Point:
        """The point that moves and turns with the shape."""
        return self.a

    @property
    def angle(self) -> float:
        """Direction from ``a`` to ``b`` in radians."""
        return math.atan2(self.b[1] - self.a[1], self.b[0] - self.a[0])

    @property
    def bounds(self) -> Bounds:
        """The smallest box around the shape."""
        xs, ys = zip(self.a, self.b, self.c, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def surface(self, x: np.ndarray, y: np.ndarray) -> Surface:
        """Evaluate the shape at points x (1, W) and y (H, 1)."""
        corners = (self.a, self.b, self.c)
        inside = np.ones(np.broadcast_shapes(x.shape, y.shape), bool)
        for (px, py), (qx, qy) in zip(corners, corners[1:] + corners[:1], strict=True):
            inside &= (qx - px) * (y - py) - (qy - py) * (x - px) >= 0.0
        flat = np.zeros(inside.shape, np.float32)
        return Surface(inside, flat, flat + 0.2, flat + 0.03)


Shape = Capsule | Ellipse | Triangle
