"""Questions with two identities of one species in one image, side by side. Ours.

Because the species is the same, only the regions tell the method which identity goes where.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.questions.triples import KINDS
from seal_sdk.pocket import world

SIZE = 128  # pixels a side of all images
_PLACES, _SCALE, _ATTEMPTS = ((0.05, 0.85), (0.95, 0.85)), 0.48, 50


@dataclass(frozen=True, eq=False)
class Pair:
    """Two subjects side by side on one scene. Images are uint8 (SIZE, SIZE, 3), masks bool (SIZE, SIZE).

    Attributes:
        seed: Seed of the question and of the noise.
        prompt: Prompt of the image.
        structure_prompt: Prompt of the structure image.
        references: A photo of each identity.
        reference_prompts: The prompts of the photos.
        structure: The structure image of both.
        alone: The structure image of each one by itself.
        truth: The ground truth with both.
        masks: The region of each one, in all of these images.
    """

    seed: int
    prompt: str
    structure_prompt: str
    references: tuple[world.Rendering, world.Rendering]
    reference_prompts: tuple[str, str]
    structure: np.ndarray
    alone: tuple[np.ndarray, np.ndarray]
    truth: np.ndarray
    masks: tuple[np.ndarray, np.ndarray]


def pairs(seeds: Iterable[int], kind: str = "mesh") -> Iterator[Pair]:
    """The pairs of some seeds. Raises ConfigError for an unknown structure kind."""
    if kind not in KINDS:
        raise ConfigError(f"kind {kind!r} is no structure kind; choose from {', '.join(KINDS)}.")
    for seed in seeds:
        yield _pair(seed, kind)


def _pair(seed: int, kind: str) -> Pair:
    rng = np.random.default_rng((seed, 7))
    first = world.sample(seed)
    other = world.sample_identity(rng, first.identity.species)
    other_pose = world.sample_pose(rng, other.species)
    second = world.Sample(other, other_pose, world.sample_scene(rng))
    scene = world.sample_scene(rng)
    poses = _side_by_side(rng, (first.identity, other))
    photos, structures = (
        [
            world.render(identity, pose, scene, each, SIZE)
            for identity, pose in zip((first.identity, other), poses, strict=True)
        ]
        for each in ("photo", kind)
    )
    return Pair(
        seed=seed,
        prompt=world.caption(first.identity, poses[0], scene),
        structure_prompt=world.caption(first.identity, poses[0], scene, kind),
        references=(_photo(first), _photo(second)),
        reference_prompts=(_caption(first), _caption(second)),
        structure=_overlaid(structures),
        alone=(structures[0].image, structures[1].image),
        truth=_overlaid(photos),
        masks=(photos[0].mask & ~photos[1].mask, photos[1].mask),
    )


def _photo(sample: world.Sample) -> world.Rendering:
    return world.render(sample.identity, sample.pose, sample.scene, size=SIZE)


def _caption(sample: world.Sample) -> str:
    return world.caption(sample.identity, sample.pose, sample.scene)


def _overlaid(renderings: Sequence[world.Rendering]) -> np.ndarray:
    """The second rendering's subject on top of the first rendering."""
    first, second = renderings
    return np.where(second.mask[..., None], second.image, first.image)


def _side_by_side(rng: np.random.Generator, identities: Sequence[world.Identity]) -> list[world.Pose]:
    """A pose for each identity, small enough to stand side by side without touching."""
    for _ in range(_ATTEMPTS):
        poses = [
            replace(world.sample_pose(rng, identity.species), scale=_SCALE, place=place)
            for identity, place in zip(identities, _PLACES, strict=True)
        ]
        scene = world.sample_scene(rng)
        masks = [world.render(*each, scene, size=SIZE).mask for each in zip(identities, poses, strict=True)]
        if not (masks[0] & masks[1]).any():
            return poses
    raise ValueError("no two poses fit side by side; this seed cannot be used")
