"""Four-legged species: cat, dog and horse."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .body import MIDDLE, NEAR, Body
from .limbs import FAR_FORE, FAR_HIND, NEAR_FORE, NEAR_HIND, Limb, Tail, add_eye, add_limb, add_tail, frame
from .pose import Pose
from .shapes import Capsule, Ellipse, Point, Triangle, polar

_HIP, _CHEST = 0, 1  # indices of the first two joints of a four-legged body


@dataclass(frozen=True)
class _Build:
    """Proportions of a four-legged body, in body units and radians. ``half`` is half the spine's length."""

    height: float  # of the spine
    half: float
    chest: float  # radii
    hip: float
    leg: Limb
    neck: float
    neck_angle: float
    neck_radii: tuple[float, float]
    sock: str  # the feet's material


_CAT = _Build(
    height=0.44,
    half=0.27,
    chest=0.17,
    hip=0.165,
    leg=Limb(0.17, 0.17, (0.085, 0.065, 0.06), foot=0.06 * 1.1, toe=0.04),
    neck=0.24,
    neck_angle=0.85,
    neck_radii=(0.14, 0.12),
    sock="accent",
)
_DOG = _Build(
    height=0.55,
    half=0.28,
    chest=0.175,
    hip=0.145,
    leg=Limb(0.22, 0.23, (0.09, 0.065, 0.055), foot=0.055 * 1.1, toe=0.05),
    neck=0.28,
    neck_angle=0.95,
    neck_radii=(0.13, 0.10),
    sock="coat",
)
_HORSE = _Build(
    height=0.72,
    half=0.32,
    chest=0.20,
    hip=0.19,
    leg=Limb(0.30, 0.30, (0.11, 0.075, 0.062), foot=0.062 * 1.1, toe=0.03),
    neck=0.46,
    neck_angle=0.98,
    neck_radii=(0.16, 0.10),
    sock="accent",
)


@dataclass(frozen=True)
class _Head:
    """Where the neck ends, the index of the joint there, and the neck's direction in radians."""

    place: Point
    joint: int
    neck_angle: float


def _far_side(pose: Pose, build: _Build) -> tuple[Body, _Head]:
    """Begin a body with its spine, neck and far legs. The tail comes next, before the torso."""
    body = Body()
    hip, chest = _spine(build)
    hip_joint = body.joint(hip)
    chest_joint = body.joint(chest, hip_joint)
    angle = build.neck_angle + pose.head
    head = polar(chest, build.neck, angle)
    head_joint = body.joint(head, chest_joint)
    _add_legs(body, pose, build, ((FAR_FORE, "far fore", _CHEST), (FAR_HIND, "far hind", _HIP)))
    return body, _Head(head, head_joint, angle)


def _near_side(body: Body, pose: Pose, build: _Build, head: Point) -> None:
    """Add neck, torso and near legs."""
    hip, chest = _spine(build)
    body.add(Capsule(chest, head, *build.neck_radii), "torso")
    body.add(Capsule(hip, chest, build.hip, build.chest), "torso")
    _add_legs(body, pose, build, ((NEAR_FORE, "near fore", _CHEST), (NEAR_HIND, "near hind", _HIP)))


def _spine(build: _Build) -> tuple[Point, Point]:
    return (-build.half, build.height), (build.half, build.height)


def _add_legs(body: Body, pose: Pose, build: _Build, legs: tuple[tuple[int, str, int], ...]) -> None:
    tops = _leg_tops(build)
    for index, name, root in legs:
        add_limb(body, build.leg, tops[index], pose.limbs[index], name, ("coat", "coat", build.sock), root)


def _leg_tops(build: _Build) -> tuple[Point, Point, Point, Point]:
    height = build.height - 0.04
    fore, hind = build.half - 0.02, -build.half
    return (fore, height), (hind, height), (fore - 0.09, height), (hind + 0.09, height)


def cat(pose: Pose) -> Body:
    """Build a cat."""
    body, head = _far_side(pose, _CAT)
    root = (-_CAT.half - 0.10, _CAT.height + 0.06)
    angle = math.pi - 0.75 + 0.7 * pose.tail
    add_tail(
        body,
        Tail((0.30, 0.28), (angle, angle - 0.9 + 0.5 * pose.tail), (0.06, 0.055, 0.05), ("coat", "accent")),
        root,
        _HIP,
    )
    _near_side(body, pose, _CAT, head.place)
    at = frame(head.place, 0.7 * pose.head)
    for side, depth in ((1, MIDDLE), (-1, NEAR)):
        x = 0.085 * side
        body.add(Triangle(at(x - 0.085, 0.08), at(x + 0.085, 0.08), at(x + 0.05 * side, 0.285)), "ear", "coat", depth)
        body.add(Triangle(at(x - 0.04, 0.10), at(x + 0.04, 0.10), at(x + 0.035 * side, 0.22)), "ear", "accent", depth)
        body.joint(at(x + 0.05 * side, 0.27), head.joint)
    body.add(Ellipse(at(0, 0), 0.195, 0.165, 0.7 * pose.head), "head", "coat", 0.06)
    body.add(Ellipse(at(0.10, -0.06), 0.085, 0.065, 0.7 * pose.head), "face", "white", NEAR)
    body.add(Ellipse(at(0.13, -0.03), 0.03, 0.022), "face", "dark", NEAR)
    add_eye(body, at(0.125, 0.05), 0.038)
    add_eye(body, at(-0.005, 0.05), 0.038)
    return body


def dog(pose: Pose) -> Body:
    """Build a dog."""
    body, head = _far_side(pose, _DOG)
    root = (-_DOG.half - 0.08, _DOG.height + 0.07)
    angle = math.pi / 2 + 0.35 + 0.8 * pose.tail
    add_tail(body, Tail((0.15, 0.15), (angle, angle - 0.35), (0.065, 0.055, 0.045), ("coat", "second")), root, _HIP)
    _near_side(body, pose, _DOG, head.place)
    at = frame(head.place, pose.head - 0.12)
    body.add(Capsule(at(-0.02, 0.10), at(0.02, -0.02), 0.06, 0.05), "ear", "accent", MIDDLE)
    body.add(Ellipse(at(0.02, 0.02), 0.165, 0.15, pose.head), "head", "coat", 0.06)
    body.add(Capsule(at(0.10, -0.03), at(0.27, -0.045), 0.095, 0.075), "head", "second", 0.08)
    body.add(Ellipse(at(0.325, -0.005), 0.045, 0.04), "face", "dark", NEAR)
    add_eye(body, at(0.09, 0.075), 0.036)
    body.add(Capsule(at(-0.075, 0.10), at(-0.13, -0.14), 0.06, 0.085), "ear", "accent", NEAR)
    body.joint(at(0.32, -0.03), head.joint)
    body.joint(at(-0.13, -0.16), head.joint)
    return body


def horse(pose: Pose) -> Body:
    """Build a horse."""
    body, head = _far_side(pose, _HORSE)
    root = (-_HORSE.half - 0.13, _HORSE.height + 0.07)
    angle = -math.pi / 2 - 0.75 + 0.6 * pose.tail
    add_tail(body, Tail((0.22, 0.26), (angle, angle + 0.5), (0.06, 0.085, 0.06), ("accent", "accent")), root, _HIP)
    chest = (_HORSE.half, _HORSE.height)
    along = frame(chest, head.neck_angle)
    for x in (0.10, 0.23, 0.36, 0.48):  # the mane, tufts behind the neck
        body.add(Capsule(along(x, 0.06), along(x - 0.06, 0.165), 0.085, 0.05), "hair", "accent", MIDDLE)
    _near_side(body, pose, _HORSE, head.place)
    at = frame(head.place, 0.8 * pose.head - 0.75)
    body.add(Triangle(at(-0.11, 0.05), at(0.0, 0.06), at(-0.10, 0.22)), "ear", "coat", NEAR)
    body.add(Capsule(at(-0.02, 0.0), at(0.28, -0.01), 0.115, 0.08), "head", "coat", 0.06)
    body.add(Ellipse(at(0.31, -0.015), 0.075, 0.078, pose.head - 0.75), "face", "second", 0.07)
    body.add(Capsule(at(-0.06, 0.10), at(0.05, 0.07), 0.055, 0.04), "hair", "accent", NEAR)
    add_eye(body, at(0.085, 0.035), 0.034)
    body.joint(at(0.33, -0.01), head.joint)
    body.joint(at(-0.08, 0.20), head.joint)
    return body
