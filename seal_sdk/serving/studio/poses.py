"""The built-in poses: rendered from the embedded model's world as meshes, depth maps, skeletons or sketches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from PIL import Image

from seal_sdk.errors import InputError
from seal_sdk.pocket import world

KINDS = ("mesh", "depth", "pose", "sketch")
COUNT = 12
"""Poses of each species: the body at rest, and others by seed."""
LARGEST = 512  # pixels a side; more shows no more
THUMBNAIL = 96


@dataclass(frozen=True)
class BuiltInPose:
    """A pose: of one of the world's species, its number from 0 to 11, and how it is shown. Raises InputError for others."""

    species: str
    number: int
    kind: str = "mesh"

    def __post_init__(self) -> None:
        if self.species not in world.SPECIES or self.kind not in KINDS or self.number not in range(COUNT):
            raise InputError(f"There is no {self.kind!r} of pose {self.number!r} of a {self.species!r}.")

    @property
    def prompt(self) -> str:
        """What the image shows, such as "a mesh of a cat"."""
        sample = _sample(self.species)
        return world.caption(sample.identity, sample.pose, sample.scene, self.kind)

    def image(self, side: int) -> Image.Image:
        """The image, square, of at most 512 pixels a side."""
        return _render(self, min(side, LARGEST))


def thumbnails(species: str, kind: str) -> list[Image.Image]:
    """Small images of all poses of a species."""
    return [_render(BuiltInPose(species, number, kind), THUMBNAIL) for number in range(COUNT)]


def species_in(prompt: str) -> str | None:
    """The world's species that a prompt names, None where it names none."""
    return next((each for each in world.SPECIES if each in world.words(prompt)), None) if prompt else None


@lru_cache(maxsize=4 * COUNT * len(KINDS))
def _render(pose: BuiltInPose, side: int) -> Image.Image:
    sample = _sample(pose.species)
    rng = np.random.default_rng(pose.number)
    stance = world.Pose() if pose.number == 0 else world.sample_pose(rng, pose.species)
    return Image.fromarray(world.render(sample.identity, stance, sample.scene, kind=pose.kind, size=side).image)


def _sample(species: str) -> world.Sample:
    """Somebody of that species; structure images show no more of it."""
    sample = world.sample(0)
    return replace(sample, identity=replace(sample.identity, species=species))
