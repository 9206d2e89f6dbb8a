"""One draw of the world as pixels and ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np

from .identity import Identity, sample_identity
from .kinds import KINDS, draw, part_names
from .paint import paint_body, paint_scene
from .pose import Pose, sample_pose
from .raster import OVERSAMPLING, Raster, rasterize
from .scene import Scene, sample_scene

TRAIN, VALIDATION, HELD_OUT = range(400_000), range(400_000, 500_000), range(500_000, 2**31)


@dataclass(frozen=True)
class Sample:
    """One seeded draw."""

    identity: Identity
    pose: Pose
    scene: Scene


@dataclass(frozen=True, eq=False)
class Rendering:
    """A picture and what is true of it.

    ``image`` uint8 (S, S, 3); ``mask`` bool (S, S), the subject; ``box`` (x0, y0, x1, y1) pixels, half-open, of the mask;
    ``parts`` uint8 (S, S), indices into `PARTS` (0 = background); ``keypoints`` float (K, 2), joints as (x, y) pixels;
    ``coordinates`` float32 (S, S, 2): the same point on the body at rest, in body units (NaN outside of the subject),
    so that two renderings of a species correspond where their coordinates agree.
    """

    image: np.ndarray
    mask: np.ndarray
    box: tuple[float, float, float, float]
    parts: np.ndarray
    keypoints: np.ndarray
    coordinates: np.ndarray


def sample(seed: int) -> Sample:
    """One draw. Seeds in `TRAIN` are for training, in `VALIDATION` and `HELD_OUT` for measuring."""
    if seed < 0:
        raise ValueError(f"seed is {seed}; seeds start at 0")
    rng = np.random.default_rng(seed)
    identity = sample_identity(rng)
    return Sample(identity, sample_pose(rng, identity.species), sample_scene(rng))


def render(identity: Identity, pose: Pose, scene: Scene, kind: str = "photo", size: int = 128) -> Rendering:
    """Render a photo or a structure image; raises ValueError for an unknown kind or a size below 32 pixels."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; choose one of {', '.join(KINDS)}")
    if size < 32:
        raise ValueError(f"size is {size}; a picture has at least 32 pixels a side")
    raster = rasterize(identity.species, pose, size)
    image = _photo(identity, scene, raster, size) if kind == "photo" else _shrink(draw(kind, raster))
    mask = _shrink(raster.inside[..., None].astype(np.float32))[..., 0] >= 0.5
    return Rendering(
        image=(image * 255.0 + 0.5).astype(np.uint8),
        mask=mask,
        box=_box(mask),
        parts=np.where(mask, _shrink_parts(raster), 0).astype(np.uint8),
        keypoints=raster.joints / OVERSAMPLING,
        coordinates=np.where(mask[..., None], _shrink_coordinates(raster), np.float32(np.nan)),
    )


def _photo(identity: Identity, scene: Scene, raster: Raster, size: int) -> np.ndarray:
    at = np.flatnonzero(raster.inside)
    layer = np.zeros((raster.owner.size, 4), np.float32)
    layer[at, :3] = paint_body(identity, raster, at)
    layer[at, 3] = 1.0
    layer = _shrink(layer.reshape(*raster.owner.shape, 4))
    return layer[..., :3] + (1.0 - layer[..., 3:]) * paint_scene(scene, size)


def _shrink(picture: np.ndarray) -> np.ndarray:
    """Box-filter sub-pixels into pixels."""
    rows = reduce(np.add, [picture[i::OVERSAMPLING] for i in range(OVERSAMPLING)])
    return reduce(np.add, [rows[:, i::OVERSAMPLING] for i in range(OVERSAMPLING)]) / OVERSAMPLING**2


def _shrink_parts(raster: Raster) -> np.ndarray:
    """The largest part index among a pixel's sub-pixels: never the background where the mask holds."""
    names = part_names(raster)
    size = len(names) // OVERSAMPLING
    return names.reshape(size, OVERSAMPLING, size, OVERSAMPLING).max(axis=(1, 3))


def _shrink_coordinates(raster: Raster) -> np.ndarray:
    """The rest coordinates of one of a pixel's sub-pixels on the body: a mean would mix neighbouring parts."""
    fine = np.stack([raster.u, raster.v], -1)
    size = len(fine) // OVERSAMPLING
    coarse = np.full((size, size, 2), np.nan, np.float32)
    for row, column in np.ndindex(OVERSAMPLING, OVERSAMPLING):
        at = (slice(row, None, OVERSAMPLING), slice(column, None, OVERSAMPLING))
        np.copyto(coarse, fine[at], where=raster.inside[at][..., None])
    return coarse


def _box(mask: np.ndarray) -> tuple[float, float, float, float]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
