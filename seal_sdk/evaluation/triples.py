"""What the benchmark asks for: a reference, a structure image, a prompt, and the true picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from seal_sdk.errors import ConfigError
from seal_sdk.method.anchor_align import Transform, anchor_transform
from seal_sdk.pocket import world

KINDS = tuple(kind for kind in world.KINDS if kind != "photo")
_ATTEMPTS = 200


@dataclass(frozen=True, eq=False)
class Triple:
    """One question and its true answer. Pictures are `world.Rendering`s of one size.

    reference: a photo of the identity. structure: the structure image of ``kind`` of another pose of it, at a place and
    scale of its own. truth: the photo that a perfect method draws: the identity in the structure's pose, where
    AnchorAlign puts it (``pose``; ``structure_pose`` is where the structure image has it), on the prompted scene. The
    prompts name species and scene; colours and pattern are left to the reference. question: "plain", or what else the
    prompt changes (`conflicts`).
    """

    seed: int
    kind: str
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
    question: str = "plain"


def triples(
    seeds: Iterable[int], kinds: Sequence[str] = ("mesh", "depth", "pose"), size: int = 128
) -> Iterator[Triple]:
    """The triples of some seeds: seed by seed, one per structure kind. Kinds differ by the structure image only.

    Use seeds of `world.VALIDATION` to choose settings and of `world.HELD_OUT` to report. Raises ConfigError for an
    unknown kind, or none.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise ConfigError(
            f"kind {unknown[0] if unknown else ''!r} is no structure kind; choose from {', '.join(KINDS)}"
        )
    for seed in seeds:
        yield from _of_seed(seed, kinds, size)


def triple(seed: int, kind: str, draw: int = 1, size: int = 128) -> Triple:
    """One triple of a seed's identity; further draws (2, 3, ...) are other poses and scenes of the same reference."""
    return next(_of_seed(seed, (kind,), size, draw))


def _of_seed(seed: int, kinds: Sequence[str], size: int, draw: int = 1) -> Iterator[Triple]:
    first = world.sample(seed)
    rng = np.random.default_rng((seed, draw))  # another stream than the one that drew the sample
    scene = world.sample_scene(rng, str(rng.choice([name for name in world.SCENES if name != first.scene.name])))
    reference = world.render(first.identity, first.pose, first.scene, size=size)
    pose, placed = _target_pose(rng, first.identity, reference, size)
    truth = world.render(first.identity, placed, scene, size=size)
    for kind in kinds:
        yield Triple(
            seed=seed,
            kind=kind,
            identity=first.identity,
            scene=scene,
            pose=placed,
            structure_pose=pose,
            reference=reference,
            reference_prompt=world.caption(first.identity, first.pose, first.scene),
            structure=world.render(first.identity, pose, scene, kind, size),
            structure_prompt=world.caption(first.identity, pose, scene, kind),
            truth=truth,
            prompt=world.caption(first.identity, placed, scene),
        )


def _target_pose(
    rng: np.random.Generator, identity: world.Identity, reference: world.Rendering, size: int
) -> tuple[world.Pose, world.Pose]:
    """A pose for the structure image, and the same pose where AnchorAlign puts it.

    AnchorAlign moves the structure's subject by a scale and a shift, and those are part of the world's pose: so the
    truth is rendered, not resampled. Poses are drawn until the moved subject lies inside the picture, as every subject
    of the world does.
    """
    for _ in range(_ATTEMPTS):
        pose = world.sample_pose(rng, identity.species)
        box = _render(identity, pose, size).box
        placed = move(identity, pose, anchor_transform(reference.box, box), size)
        if placed is not None:
            return pose, placed
    raise ValueError(f"no pose of {_ATTEMPTS} fits the reference's place; this seed cannot be used")


def move(identity: world.Identity, pose: world.Pose, transform: Transform, size: int) -> world.Pose | None:
    """A pose as the transform (in pixels) moves its rendering; None where that would leave the picture's margins."""
    scale = pose.scale * transform.scale
    if scale > 1.0:
        return None
    wanted = transform.scale * _joint(identity, pose, size) + np.asarray(transform.shift)
    low, high = (_joint(identity, replace(pose, scale=scale, place=(at, at)), size) for at in (0.0, 1.0))
    room = high - low  # a joint's way from the one end of the free room to the other
    place = (wanted - low) / np.maximum(room, 1e-6)
    if not np.all((place >= 0.0) & (place <= 1.0)):
        return None
    return replace(pose, scale=scale, place=(float(place[0]), float(place[1])))


def _joint(identity: world.Identity, pose: world.Pose, size: int) -> np.ndarray:
    """The first joint's (x, y) in pixels; joints are exact at any size, so the smallest will do."""
    return _render(identity, pose, 32).keypoints[0] * (size / 32)


def _render(identity: world.Identity, pose: world.Pose, size: int) -> world.Rendering:
    """Where a posed body is; neither the kind nor the scene matters."""
    return world.render(identity, pose, _ANY_SCENE, "segmentation", size)


_ANY_SCENE = world.sample_scene(np.random.default_rng(0))
