"""Structure images. Each kind shows the body's shape or pose, but neither its identity nor the scene."""

from __future__ import annotations

import colorsys

import numpy as np

from .body import PARTS
from .paint import shade
from .raster import OVERSAMPLING, Raster
from .shapes import Capsule, Ellipse, Shape

KINDS = ("photo", "depth", "mesh", "pose", "canny", "sketch", "segmentation")


def _colors(count: int, saturation: float, value: float) -> np.ndarray:
    """Return (count, 3) RGB colours. The golden ratio keeps the hues of neighbours far apart."""
    return np.array(
        [colorsys.hsv_to_rgb((0.05 + 0.618 * i) % 1.0, saturation, value) for i in range(count)], np.float32
    )


_SEGMENT_COLORS = _colors(len(PARTS), 0.75, 0.92)
_BONE_COLORS = _colors(24, 1.0, 1.0)


def draw(kind: str, raster: Raster) -> np.ndarray:
    """Draw a structure image at sub-pixel size, (N, N, 3) float32 in [0, 1]. ``kind`` is one of `KINDS` but "photo"."""
    return _DRAWERS[kind](raster)


def part_names(raster: Raster) -> np.ndarray:
    """Return the part map at sub-pixel size, (N, N) uint8 indices into `PARTS`."""
    names = np.array([PARTS.index(part.name) for part in raster.body.parts] + [0], np.uint8)
    parts: np.ndarray = names[raster.owner]
    return parts


def _grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., None], 3, axis=2)


def _depth(raster: Raster) -> np.ndarray:
    values = np.where(raster.inside, 0.22 + (raster.depth + 0.12) * 2.0, 0.0)
    return _grey(np.clip(values, 0.0, 1.0).astype(np.float32))


def _mesh(raster: Raster) -> np.ndarray:
    picture = np.ones(raster.owner.size, np.float32)
    at = np.flatnonzero(raster.inside)
    picture[at] = 0.18 + 0.66 * shade(raster, at)
    return _grey(picture.reshape(raster.owner.shape))


def _segmentation(raster: Raster) -> np.ndarray:
    colors = _SEGMENT_COLORS.copy()
    colors[0] = 0.12
    picture: np.ndarray = colors[part_names(raster)]
    return picture


def _edges(raster: Raster, thickness: int) -> np.ndarray:
    """Return the outlines of the named parts (N, N) bool, about ``thickness`` + 1 sub-pixels wide."""
    names = part_names(raster)
    edge = np.zeros(names.shape, bool)
    edge[:, 1:] |= names[:, 1:] != names[:, :-1]
    edge[1:] |= names[1:] != names[:-1]
    for _ in range(thickness):
        edge[:, :-1] |= edge[:, 1:]
        edge[:-1] |= edge[1:]
    return edge


def _canny(raster: Raster) -> np.ndarray:
    return _grey(_edges(raster, 2).astype(np.float32))


def _sketch(raster: Raster) -> np.ndarray:
    paper = np.full(raster.owner.size, 0.97, np.float32)
    at = np.flatnonzero(raster.inside)
    paper[at] = np.where(shade(raster, at) < 0.25, 0.82, 0.97)
    return _grey(np.where(_edges(raster, 2), np.float32(0.2), paper.reshape(raster.owner.shape)))


def _pose(raster: Raster) -> np.ndarray:
    picture = np.zeros((*raster.owner.shape, 3), np.float32)
    side = picture.shape[0]
    radius = 2.4 * OVERSAMPLING * side / 256
    joints = [(float(x), float(y)) for x, y in raster.joints]
    shapes: list[tuple[Shape, np.ndarray]] = [
        (Capsule(joints[a], joints[b], radius, radius), _BONE_COLORS[i] * 0.85)
        for i, (a, b) in enumerate(raster.body.bones)
    ]
    shapes += [(Ellipse(joint, 1.45 * radius, 1.45 * radius), _BONE_COLORS[i]) for i, joint in enumerate(joints)]
    for shape, color in shapes:
        x0, y0, x1, y1 = (int(edge) for edge in shape.bounds)
        rows, columns = slice(max(y0 - 1, 0), min(y1 + 2, side)), slice(max(x0 - 1, 0), min(x1 + 2, side))
        x, y = np.arange(columns.start, columns.stop)[None] + 0.5, np.arange(rows.start, rows.stop)[:, None] + 0.5
        picture[rows, columns][shape.surface(x, y).inside] = color
    return picture


_DRAWERS = {
    "depth": _depth,
    "mesh": _mesh,
    "pose": _pose,
    "canny": _canny,
    "sketch": _sketch,
    "segmentation": _segmentation,
}
