"""Sampling the world by seed, and rendering it as an image with its ground truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from .backdrop import paint_scene
from .detail_sampling import sample_details
from .identity import Identity, sample_identity
from .kinds import KINDS, draw, part_names
from .paint import paint_body
from .pose import Pose, sample_pose
from .raster import OVERSAMPLING, Raster, rasterize
from .scene import Scene, sample_scene

TRAIN, VALIDATION, HELD_OUT = range(400_000), range(400_000, 500_000), range(500_000, 2**31)
_DETAILS_STREAM = 11  # details have a stream of their own, so that seeds keep their draws


@dataclass(frozen=True)
class Sample:
    """An identity in a pose and a scene."""

    identity: Identity
    pose: Pose
    scene: Scene


@dataclass(frozen=True, eq=False)
class Rendering:
    """An image and its ground truth.

    Attributes:
        image: (S, S, 3) uint8.
        mask: (S, S), where the subject is.
        box: (x0, y0, x1, y1) in pixels, half-open, around the mask.
        parts: (S, S) uint8, indices into `PARTS`; 0 is the background.
        keypoints: (K, 2) joints as (x, y) in pixels.
        coordinates: (S, S, 2) float32, the same point on the body at rest, in body units; NaN outside the subject.
            Two renderings of a species correspond where their coordinates agree.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    box: tuple[float, float, float, float]
    parts: NDArray[np.uint8]
    keypoints: NDArray[np.float64]
    coordinates: NDArray[np.float32]


def sample(seed: int, *, details: bool = False) -> Sample:
    """Draw a sample; equal seeds give equal samples.

    Seeds in `TRAIN` are for training, those in `VALIDATION` and `HELD_OUT` for measuring.

    Args:
        seed: From 0 on.
        details: Whether the identity has details. All else is the same with and without them.

    Raises:
        ValueError: If the seed is negative.
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}; seeds start at 0")
    rng = np.random.default_rng(seed)
    identity = sample_identity(rng)
    drawn = Sample(identity, sample_pose(rng, identity.species), sample_scene(rng))
    if not details:
        return drawn
    own = np.random.default_rng([_DETAILS_STREAM, seed])
    return replace(drawn, identity=replace(identity, details=sample_details(own, identity)))


def render(identity: Identity, pose: Pose, scene: Scene, kind: str = "photo", size: int = 128) -> Rendering:
    """Render a photo or a structure image.

    Args:
        identity: Who is drawn. Only photos show more of it than the species.
        pose: How and where the subject stands.
        scene: The background. Only photos show it.
        kind: One of `KINDS`.
        size: The image's side in pixels, at least 32.

    Raises:
        ValueError: For an unknown kind, or a size below 32.
    """
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
    photo: np.ndarray = layer[..., :3] + (1.0 - layer[..., 3:]) * paint_scene(scene, size)
    return photo


def _shrink(picture: np.ndarray) -> np.ndarray:
    """Box-filter sub-pixels into pixels."""
    rows: np.ndarray = reduce(np.add, [picture[i::OVERSAMPLING] for i in range(OVERSAMPLING)])
    total: np.ndarray = reduce(np.add, [rows[:, i::OVERSAMPLING] for i in range(OVERSAMPLING)])
    pixels: np.ndarray = total / OVERSAMPLING**2
    return pixels


def _shrink_parts(raster: Raster) -> np.ndarray:
    """Take the largest part index of a pixel's sub-pixels, so that no pixel of the mask becomes background."""
    names = part_names(raster)
    size = len(names) // OVERSAMPLING
    parts: np.ndarray = names.reshape(size, OVERSAMPLING, size, OVERSAMPLING).max(axis=(1, 3))
    return parts


def _shrink_coordinates(raster: Raster) -> np.ndarray:
    """Take the rest coordinates of one sub-pixel on the body; a mean would mix neighbouring parts."""
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
