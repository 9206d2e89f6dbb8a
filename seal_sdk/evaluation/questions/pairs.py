"""Questions with two identities of one species in one image, side by side. Ours.

Because the species is the same, only the regions tell the method which identity goes where. A prompt may also give each
identity another main colour than its reference shows: then each identity has a wording of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.questions.conflicts import another_color
from seal_sdk.evaluation.questions.triples import COLOR, KINDS, PLAIN
from seal_sdk.pocket import world

Value = TypeVar("Value")

SIZE = 128  # pixels a side of all images
_PLACES, _SCALE, _ATTEMPTS = ((0.05, 0.85), (0.95, 0.85)), 0.48, 50


@dataclass(frozen=True, eq=False)
class Pair:
    """Two subjects side by side on one scene. Images are uint8 (SIZE, SIZE, 3), masks bool (SIZE, SIZE).

    Attributes:
        seed: Seed of the question and of the noise.
        prompt: Prompt of the image with both.
        alone_prompts: Prompt of the image of each one by itself.
        subject_prompts: What the prompt says of each one, without the scene.
        structure_prompt: Prompt of the structure image.
        references: A photo of each identity.
        reference_prompts: The prompts of the photos.
        structure: The structure image of both.
        alone: The structure image of each one by itself.
        truth: The ground truth with both.
        truths: The ground truth of each one by itself.
        before: The same with the looks of the reference.
        masks: The region of each one, in all of these images.
        question: `PLAIN`, or `COLOR` where each has another main colour than its reference shows.
    """

    seed: int
    prompt: str
    alone_prompts: tuple[str, str]
    subject_prompts: tuple[str, str]
    structure_prompt: str
    references: tuple[world.Rendering, world.Rendering]
    reference_prompts: tuple[str, str]
    structure: np.ndarray
    alone: tuple[np.ndarray, np.ndarray]
    truth: np.ndarray
    truths: tuple[world.Rendering, world.Rendering]
    before: tuple[world.Rendering, world.Rendering]
    masks: tuple[np.ndarray, np.ndarray]
    question: str = PLAIN


def pairs(seeds: Iterable[int], kind: str = "mesh", question: str = PLAIN) -> Iterator[Pair]:
    """The pairs of some seeds, whose prompts name no colours (`PLAIN`) or others than the references show (`COLOR`).

    Raises:
        ConfigError: If the structure kind or the question is unknown.
    """
    for name, given, known in (("structure kind", kind, KINDS), ("question", question, (PLAIN, COLOR))):
        if given not in known:
            raise ConfigError(f"{given!r} is no {name}; choose from {', '.join(known)}.")
    for seed in seeds:
        yield _pair(seed, kind, question)


def _pair(seed: int, kind: str, question: str) -> Pair:
    rng = np.random.default_rng((seed, 7))
    first = world.sample(seed)
    other = world.sample_identity(rng, first.identity.species)
    other_pose = world.sample_pose(rng, other.species)
    second = world.Sample(other, other_pose, world.sample_scene(rng))
    scene = world.sample_scene(rng)
    shown = (first.identity, other)
    poses = _side_by_side(rng, shown)
    wanted = shown if question == PLAIN else _recolored(seed, shown)
    before, truths, structures = (
        tuple(world.render(*each, scene, image, SIZE) for each in zip(identities, poses, strict=True))
        for identities, image in ((shown, "photo"), (wanted, "photo"), (shown, kind))
    )
    named = question == COLOR
    alone = tuple(world.caption(each, poses[0], scene, color=named) for each in wanted)
    subjects = tuple(world.subject(each, named, False) for each in wanted)
    return Pair(
        seed=seed,
        prompt=f"a photo of {' and '.join(subjects)} {world.place(scene)}" if named else alone[0],
        alone_prompts=_two(alone),
        subject_prompts=_two([f"a photo of {each}" for each in subjects]),
        structure_prompt=world.caption(first.identity, poses[0], scene, kind),
        references=(_photo(first), _photo(second)),
        reference_prompts=(_caption(first, named), _caption(second, named)),
        structure=_overlaid(structures),
        alone=(structures[0].image, structures[1].image),
        truth=_overlaid(truths),
        truths=_two(truths),
        before=_two(before),
        masks=(truths[0].mask & ~truths[1].mask, truths[1].mask),
        question=question,
    )


def _two(values: Sequence[Value]) -> tuple[Value, Value]:
    first, second = values
    return first, second


def _recolored(seed: int, shown: tuple[world.Identity, world.Identity]) -> tuple[world.Identity, world.Identity]:
    """Both identities with other main colours, whose names differ from each other's."""
    first, attempt = another_color(seed, shown[0]), 0
    while True:
        second = another_color(seed + 1 + attempt, shown[1])
        if world.color_name(second.main) != world.color_name(first.main):
            return first, second
        attempt += 1


def _photo(sample: world.Sample) -> world.Rendering:
    return world.render(sample.identity, sample.pose, sample.scene, size=SIZE)


def _caption(sample: world.Sample, named: bool) -> str:
    return world.caption(sample.identity, sample.pose, sample.scene, color=named)


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
