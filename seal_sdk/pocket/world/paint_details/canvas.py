"""The body's surface as a canvas: where its points are at rest, on the clothes and on the head, which turns as one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..body import Part
from ..colors import Color
from ..raster import Raster
from ..shapes import Ellipse
from ..species import rest

_HEAD_NAMES = ("head", "hair", "ear", "face")


@dataclass(frozen=True, eq=False)
class Canvas:
    """Points on a body, and their colours, which are painted in place.

    Attributes:
        parts: The body's parts.
        still: The same at rest.
        owner: (n,) index of each point's part.
        u: (n,) x of the point on the body at rest, in body units.
        v: (n,) y of the point on the body at rest, in body units.
        x: (n,) as ``u``, but with all parts of the head turned together, as eyes and glasses need it.
        y: (n,) as ``v``, likewise.
        colors: (n, 3) float32 in [0, 1], unlit.
        light: (n,) float32 in [0, 1].
        facing: 1 (right) or -1 (left).
    """

    parts: Sequence[Part]
    still: Sequence[Part]
    owner: np.ndarray
    u: np.ndarray
    v: np.ndarray
    x: np.ndarray
    y: np.ndarray
    colors: np.ndarray
    light: np.ndarray
    facing: int

    @classmethod
    def of(cls, species: str, raster: Raster, at: np.ndarray, colors: np.ndarray, light: np.ndarray) -> Canvas:
        """The canvas of the raster's points at the flat indices ``at``."""
        still = rest(species).parts
        owner, u, v = (array.ravel()[at] for array in (raster.owner, raster.u, raster.v))
        x, y = _head_coordinates(raster.body.parts, still, owner, (u, v))
        return cls(raster.body.parts, still, owner, u, v, x, y, colors, light, raster.facing)

    def on(self, *names: str, material: str | None = None) -> np.ndarray:
        """(n,), whether a point is on a part of these names, of that material if one is given."""
        chosen = [part.name in names and material in (None, part.material) for part in self.parts]
        found: np.ndarray = np.array(chosen)[self.owner]
        return found

    def paint(self, where: np.ndarray, color: Color) -> None:
        """Give the points a colour."""
        self.colors[where] = color

    def tint(self, where: np.ndarray, color: Color, share: float) -> None:
        """Mix a share of a colour into the points."""
        self.colors[where] += (np.asarray(color, np.float32) - self.colors[where]) * share


def _head_coordinates(
    parts: Sequence[Part], still: Sequence[Part], owner: np.ndarray, rest_point: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Rest coordinates as if all parts turned with the head.

    Ellipses of the head keep their own angle, though their places turn; so the part that it is measured by is no ellipse.
    """
    index = max(i for i, part in enumerate(parts) if part.name in _HEAD_NAMES and not isinstance(part.shape, Ellipse))
    head, model = parts[index].shape, still[index].shape
    back = model.angle - head.angle
    table = []
    for part, other in zip(parts, still, strict=True):
        turn = part.shape.angle - other.shape.angle + back
        dx, dy = part.shape.origin[0] - head.origin[0], part.shape.origin[1] - head.origin[1]
        x0 = model.origin[0] + math.cos(back) * dx - math.sin(back) * dy
        y0 = model.origin[1] + math.sin(back) * dx + math.cos(back) * dy
        table.append((*other.shape.origin, math.cos(turn), math.sin(turn), x0, y0))
    u0, v0, cos, sin, x0, y0 = np.array(table, np.float32)[owner].T
    u, v = rest_point[0] - u0, rest_point[1] - v0
    return x0 + cos * u - sin * v, y0 + sin * u + cos * v
