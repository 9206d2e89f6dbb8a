"""Rasterizing bodies: part, normal, depth and rest coordinates per sub-pixel, at twice the picture's size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .body import Body
from .pose import Pose
from .shapes import Bounds
from .species import build, rest

OVERSAMPLING = 2
MARGIN = 0.03  # free share on every side of the picture


@dataclass(frozen=True)
class Raster:
    """A body seen at (N, N) sub-pixels.

    Attributes:
        body: What is seen.
        owner: (N, N) int16, index of the front part, -1 where there is none.
        nx: (N, N) float32, the surface normal's x in the picture's axes, in [-1, 1].
        ny: (N, N) float32, the surface normal's y, up, in [-1, 1].
        depth: (N, N) float32 in body units; larger is nearer.
        u: (N, N) float32, x of the same point on the body at rest, facing right, in body units.
        v: (N, N) float32, y of the same point on the body at rest, in body units.
        joints: (K, 2) as (x, y) in sub-pixels.
        facing: 1 (right) or -1 (left).
    """

    body: Body
    owner: NDArray[np.int16]
    nx: NDArray[np.float32]
    ny: NDArray[np.float32]
    depth: NDArray[np.float32]
    u: NDArray[np.float32]
    v: NDArray[np.float32]
    joints: NDArray[np.float64]
    facing: int

    @property
    def inside(self) -> NDArray[np.bool_]:
        """(N, N), whether a sub-pixel shows the body."""
        return self.owner >= 0


@dataclass(frozen=True)
class _View:
    """Map from body units to sub-pixels: column = x0 + facing * unit * x, row = y0 - unit * y."""

    x0: float
    y0: float
    unit: float
    facing: int


def rasterize(species: str, pose: Pose, size: int) -> Raster:
    """Rasterize a posed species for a picture of ``size`` x ``size`` pixels."""
    body, still = build(species, pose), rest(species)
    side = size * OVERSAMPLING
    view = _view(body, pose, side)
    owner = np.full((side, side), -1, np.int16)
    nx, ny, depth, u, v = (np.zeros((side, side), np.float32) for _ in range(5))
    for index, (part, model) in enumerate(zip(body.parts, still.parts, strict=True)):
        rows, columns = _window(part.shape.bounds, view, side)
        x, y = _body_units(rows, columns, view)
        seen = part.shape.surface(x, y)
        here, at = seen.inside, (rows, columns)
        turn = model.shape.angle - part.shape.angle
        cos, sin = np.float32(math.cos(turn)), np.float32(math.sin(turn))
        px, py = x - part.shape.origin[0], y - part.shape.origin[1]
        np.copyto(owner[at], index, where=here)
        np.copyto(nx[at], seen.nx * view.facing, where=here)
        np.copyto(ny[at], seen.ny, where=here)
        np.copyto(depth[at], part.depth + seen.height, where=here)
        np.copyto(u[at], model.shape.origin[0] + cos * px - sin * py, where=here)
        np.copyto(v[at], model.shape.origin[1] + sin * px + cos * py, where=here)
    points = np.asarray(body.joints)
    joints = np.stack([view.x0 + view.facing * view.unit * points[:, 0], view.y0 - view.unit * points[:, 1]], 1)
    return Raster(body, owner, nx, ny, depth, u, v, joints, pose.facing)


def _body_units(rows: slice, columns: slice, view: _View) -> tuple[np.ndarray, np.ndarray]:
    """Return the centres of a window's sub-pixels in body units: x (1, W) and y (H, 1), float32."""
    x = (np.arange(columns.start, columns.stop, dtype=np.float32) + 0.5 - view.x0) * (view.facing / view.unit)
    y = (view.y0 - 0.5 - np.arange(rows.start, rows.stop, dtype=np.float32)) / view.unit
    return x[None], y[:, None]


def _view(body: Body, pose: Pose, side: int) -> _View:
    """Fit the body's bounds: its longer side takes the share ``pose.scale`` of the room inside the margins."""
    x0, y0, x1, y1 = zip(*(part.shape.bounds for part in body.parts), strict=True)
    left, low, right, high = min(x0), min(y0), max(x1), max(y1)
    room = side * (1 - 2 * MARGIN)
    unit = room * pose.scale / max(right - left, high - low)
    column = side * MARGIN + pose.place[0] * (room - unit * (right - left))
    row = side * MARGIN + pose.place[1] * (room - unit * (high - low))
    first = left if pose.facing == 1 else -right
    return _View(column - unit * first, row + unit * high, unit, pose.facing)


def _window(bounds: Bounds, view: _View, side: int) -> tuple[slice, slice]:
    """Rows and columns of the sub-pixels that may show something within the bounds."""
    x0, y0, x1, y1 = bounds
    edges = sorted((view.x0 + view.facing * view.unit * x0, view.x0 + view.facing * view.unit * x1))
    top, bottom = view.y0 - view.unit * y1, view.y0 - view.unit * y0
    return (
        slice(max(int(top) - 1, 0), min(int(bottom) + 2, side)),
        slice(max(int(edges[0]) - 1, 0), min(int(edges[1]) + 2, side)),
    )
