"""Triples of reference, structure image and prompt, with the rendered ground truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from seal_sdk.errors import ConfigError
from seal_sdk.method.anchor_align import Transform, anchor_transform
from seal_sdk.pocket import world

KINDS = tuple(kind for kind in world.KINDS if kind != "photo")
SHORT = "short"  # the wording of these questions; others are in `wordings`
PLAIN = "plain"  # the kind of these questions; `conflicts` makes the others
COLOR, PATTERN, PART, TWO, AGREE, REMOVAL = "color", "pattern", "part", "two", "agree", "removal"
_ATTEMPTS = 200


@dataclass(frozen=True, eq=False)
class Triple:
    """One question and its ground truth. All renderings have the same size.

    Plain prompts name species and scene; colours and pattern are left to the reference.

    Attributes:
        seed: Seed of the question and of the noise.
        kind: Kind of the structure image, one of `KINDS`.
        shown: What the reference shows: the subject with its looks there, its pose and its scene.
        identity: The subject with the looks of the ground truth.
        scene: The prompted scene.
        pose: The subject's pose in the ground truth, where AnchorAlign moves it.
        structure_pose: The same pose where the structure image has it.
        reference: A photo of ``shown``, which is in another pose on another scene.
        reference_prompt: Prompt of the reference.
        structure: The structure image.
        structure_prompt: Prompt of the structure image.
        truth: The photo that a perfect method would generate.
        prompt: Prompt of the image.
        negative_prompt: What the image must not show, if anything.
        question: `PLAIN`, or one of `conflicts.CONFLICTS`.
        wording: How the prompts are worded, one of `wordings.WORDINGS`.
    """

    seed: int
    kind: str
    shown: world.Sample
    identity: world.Identity
    scene: world.Scene
    pose: world.Pose
    structure_pose: world.Pose
    reference: world.Rendering
    reference_prompt: str
    structure: world.Rendering
    structure_prompt: str
    truth: world.Rendering
    prompt: str
    negative_prompt: str | None = None
    question: str = PLAIN
    wording: str = SHORT

    @property
    def task(self) -> str:
        """What is asked and how it is worded, as one name."""
        return self.question if self.wording == SHORT else f"{self.question}-{self.wording}"

    def truth_where(self, aligned: bool) -> world.Rendering:
        """The ground truth where AnchorAlign moves the subject, or else where the structure image has it."""
        if aligned:
            return self.truth
        return world.render(self.identity, self.structure_pose, self.scene, size=len(self.truth.mask))


def triples(
    seeds: Iterable[int], kinds: Sequence[str] = ("mesh", "depth", "pose"), size: int = 128
) -> Iterator[Triple]:
    """The triples of some seeds, one per structure kind. Triples of one seed differ only in the structure image.

    Use seeds of `world.VALIDATION` to choose settings and of `world.HELD_OUT` to report results.

    Args:
        seeds: Seeds of the world.
        kinds: Some of `KINDS`.
        size: Pixels a side of all images.

    Raises:
        ConfigError: If a kind is unknown or none is given.
    """
    check_kinds(kinds)
    for seed in seeds:
        yield from triples_about(world.sample(seed), seed, kinds, size)


def check_kinds(kinds: Sequence[str]) -> None:
    """Raise ConfigError if a kind of structure image is unknown or none is given."""
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise ConfigError(
            f"kind {unknown[0] if unknown else ''!r} is no structure kind; choose from {', '.join(KINDS)}"
        )


def triple(seed: int, kind: str, draw: int = 1, size: int = 128) -> Triple:
    """One triple of a seed. Other values of ``draw`` give other poses and scenes of the same identity and reference."""
    return next(triples_about(world.sample(seed), seed, (kind,), size, draw))


def triples_about(first: world.Sample, seed: int, kinds: Sequence[str], size: int, draw: int = 1) -> Iterator[Triple]:
    """The triples of a seed whose reference shows ``first``. The other arguments are those of `triple`."""
    rng = np.random.default_rng((seed, draw))  # another stream than the one that drew the sample
    scene = world.sample_scene(rng, str(rng.choice([name for name in world.SCENES if name != first.scene.name])))
    reference = world.render(first.identity, first.pose, first.scene, size=size)
    pose, aligned_pose = _target_pose(rng, first.identity, reference, size)
    truth = world.render(first.identity, aligned_pose, scene, size=size)
    for kind in kinds:
        yield Triple(
            seed=seed,
            kind=kind,
            shown=first,
            identity=first.identity,
            scene=scene,
            pose=aligned_pose,
            structure_pose=pose,
            reference=reference,
            reference_prompt=world.caption(first.identity, first.pose, first.scene),
            structure=world.render(first.identity, pose, scene, kind, size),
            structure_prompt=world.caption(first.identity, pose, scene, kind),
            truth=truth,
            prompt=world.caption(first.identity, aligned_pose, scene),
        )


def _target_pose(
    rng: np.random.Generator, identity: world.Identity, reference: world.Rendering, size: int
) -> tuple[world.Pose, world.Pose]:
    """A pose for the structure image, and the same pose where AnchorAlign moves it.

    AnchorAlign scales and shifts the structure image's subject. Scale and place are part of a pose of the world, so the
    ground truth is rendered instead of resampled. Poses are sampled until the moved subject lies inside the image.
    """
    for _ in range(_ATTEMPTS):
        pose = world.sample_pose(rng, identity.species)
        box = _render(identity, pose, size).box
        aligned_pose = move(identity, pose, anchor_transform(reference.box, box), size)
        if aligned_pose is not None:
            return pose, aligned_pose
    raise ValueError(f"none of {_ATTEMPTS} poses fits the reference's place; this seed cannot be used")


def move(identity: world.Identity, pose: world.Pose, transform: Transform, size: int) -> world.Pose | None:
    """The pose whose rendering the transform, in pixels, moves there; None if that would leave the image's margins."""
    scale = pose.scale * transform.scale
    if scale > 1.0:
        return None
    wanted = transform.scale * _joint(identity, pose, size) + np.asarray(transform.shift)
    low, high = (_joint(identity, replace(pose, scale=scale, place=(at, at)), size) for at in (0.0, 1.0))
    room = high - low  # pixels between the two ends of the free room
    place = (wanted - low) / np.maximum(room, 1e-6)
    if not np.all((place >= 0.0) & (place <= 1.0)):
        return None
    return replace(pose, scale=scale, place=(float(place[0]), float(place[1])))


def _joint(identity: world.Identity, pose: world.Pose, size: int) -> np.ndarray:
    """(2,): x and y of the first joint in pixels. Joints are exact at any size, so a small rendering is enough."""
    joint: np.ndarray = _render(identity, pose, 32).keypoints[0] * (size / 32)
    return joint


def _render(identity: world.Identity, pose: world.Pose, size: int) -> world.Rendering:
    """A rendering that shows where the body is; its scene does not matter."""
    return world.render(identity, pose, _ANY_SCENE, "segmentation", size)


_ANY_SCENE = world.sample_scene(np.random.default_rng(0))
