"""The species' bodies: a pose becomes solid parts, joints and bones, in body units (y up, ground near 0, facing +x)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from .pose import Pose
from .shapes import Capsule, Ellipse, Point, Shape, Triangle, mix, polar

# What a part belongs to: the part map holds indices into this tuple.
PARTS = ("background", "torso", "head", "ear", "face", "near fore", "near hind", "far fore", "far hind", "tail", "hair")
FAR, MIDDLE, NEAR = -0.12, 0.0, 0.10  # depth of a part's middle plane
_DOWN = -math.pi / 2
_NEAR_FORE, _NEAR_HIND, _FAR_FORE, _FAR_HIND = range(4)


@dataclass(frozen=True)
class Part:
    """One solid of a body: ``name`` is in `PARTS`, ``material`` says what colours it, ``depth`` its middle plane."""

    shape: Shape
    name: str
    material: str
    depth: float


@dataclass
class Body:
    """Parts from back to front; ``joints`` in body units; ``bones`` as pairs of joint indices."""

    parts: list[Part] = field(default_factory=list)
    joints: list[Point] = field(default_factory=list)
    bones: list[tuple[int, int]] = field(default_factory=list)

    def add(self, shape: Shape, name: str, material: str = "coat", depth: float = MIDDLE) -> None:
        self.parts.append(Part(shape, name, material, depth))

    def joint(self, point: Point, parent: int | None = None) -> int:
        self.joints.append(point)
        if parent is not None:
            self.bones.append((parent, len(self.joints) - 1))
        return len(self.joints) - 1


@dataclass(frozen=True)
class _Limb:
    upper: float
    lower: float
    radii: tuple[float, float, float]  # at the top, the middle and the end


@dataclass(frozen=True)
class _Build:
    """Proportions of a four-legged body."""

    height: float  # of the spine
    half: float  # half the spine's length
    chest: float  # radii
    hip: float
    leg: _Limb
    neck: float
    neck_angle: float
    neck_radii: tuple[float, float]


_CAT = _Build(0.44, 0.27, 0.17, 0.165, _Limb(0.17, 0.17, (0.085, 0.065, 0.06)), 0.24, 0.85, (0.14, 0.12))
_DOG = _Build(0.55, 0.28, 0.175, 0.145, _Limb(0.22, 0.23, (0.09, 0.065, 0.055)), 0.28, 0.95, (0.13, 0.10))
_HORSE = _Build(0.72, 0.32, 0.20, 0.19, _Limb(0.30, 0.30, (0.11, 0.075, 0.062)), 0.46, 0.98, (0.16, 0.10))


def build(species: str, pose: Pose) -> Body:
    """The body of a species in a pose."""
    return _BUILDERS[species](pose)


@cache
def rest(species: str) -> Body:
    """The body at rest: patterns live in its coordinates, so that they follow every part."""
    return build(species, Pose())


def _leg(
    body: Body,
    limb: _Limb,
    top: Point,
    bend: tuple[float, float],
    name: str,
    materials: tuple[str, str, str],
    root: int,
    foot: float,
    toe: float,
) -> None:
    """An upper and a lower capsule and a foot; ``foot`` is its radius, ``toe`` its reach to the front."""
    depth = FAR if name.startswith("far") else NEAR
    knee = polar(top, limb.upper, _DOWN + bend[0])
    end = polar(knee, limb.lower, _DOWN + bend[0] + bend[1])
    top_radius, mid_radius, end_radius = limb.radii
    body.add(Capsule(knee, end, mid_radius, end_radius), name, materials[1], depth)
    body.add(Capsule(end, (end[0] + toe, end[1]), foot, foot * 0.9), name, materials[2], depth)
    body.add(Capsule(top, knee, top_radius, mid_radius), name, materials[0], depth)
    body.joint(end, body.joint(knee, body.joint(top, root)))


def _tail(
    body: Body,
    root: Point,
    joint: int,
    lengths: tuple[float, float],
    angles: tuple[float, float],
    radii: tuple[float, float, float],
    materials: tuple[str, str],
) -> None:
    middle = polar(root, lengths[0], angles[0])
    end = polar(middle, lengths[1], angles[1])
    body.add(Capsule(middle, end, radii[1], radii[2]), "tail", materials[1], -0.05)
    body.add(Capsule(root, middle, radii[0], radii[1]), "tail", materials[0], -0.05)
    body.joint(end, body.joint(middle, joint))


def _four_legged(pose: Pose, made: _Build, sock: str, toe: float) -> tuple[Body, Point, int, float, int]:
    """Torso, neck and far legs; returns the body, the head's place, its joint, the neck's angle and the hip's joint."""
    body = Body()
    hip, chest = (-made.half, made.height), (made.half, made.height)
    hip_joint = body.joint(hip)
    chest_joint = body.joint(chest, hip_joint)
    angle = made.neck_angle + pose.head
    head = polar(chest, made.neck, angle)
    head_joint = body.joint(head, chest_joint)
    tops = _leg_tops(made)
    for index, name, root in ((_FAR_FORE, "far fore", chest_joint), (_FAR_HIND, "far hind", hip_joint)):
        _leg(
            body,
            made.leg,
            tops[index],
            pose.limbs[index],
            name,
            ("coat", "coat", sock),
            root,
            made.leg.radii[2] * 1.1,
            toe,
        )
    return body, head, head_joint, angle, hip_joint


def _leg_tops(made: _Build) -> tuple[Point, Point, Point, Point]:
    height = made.height - 0.04
    fore, hind = made.half - 0.02, -made.half
    return (fore, height), (hind, height), (fore - 0.09, height), (hind + 0.09, height)


def _torso_and_near_legs(body: Body, pose: Pose, made: _Build, head: Point, sock: str, toe: float) -> None:
    hip, chest = (-made.half, made.height), (made.half, made.height)
    body.add(Capsule(chest, head, *made.neck_radii), "torso")
    body.add(Capsule(hip, chest, made.hip, made.chest), "torso")
    tops = _leg_tops(made)
    for index, name, root in ((_NEAR_FORE, "near fore", 1), (_NEAR_HIND, "near hind", 0)):
        _leg(
            body,
            made.leg,
            tops[index],
            pose.limbs[index],
            name,
            ("coat", "coat", sock),
            root,
            made.leg.radii[2] * 1.1,
            toe,
        )


def _eye(body: Body, at: Point, radius: float) -> None:
    body.add(Ellipse(at, radius, radius), "face", "white", NEAR)
    body.add(Ellipse((at[0] + radius * 0.25, at[1]), radius * 0.62, radius * 0.62), "face", "dark", NEAR)


def _frame(origin: Point, angle: float) -> Callable[[float, float], Point]:
    """Points given in a frame turned by ``angle`` about ``origin``."""
    cos, sin = math.cos(angle), math.sin(angle)
    return lambda x, y: (origin[0] + cos * x - sin * y, origin[1] + sin * x + cos * y)


def _cat(pose: Pose) -> Body:
    body, head, joint, _, hip = _four_legged(pose, _CAT, "accent", 0.04)
    root = (-_CAT.half - 0.10, _CAT.height + 0.06)
    angle = math.pi - 0.75 + 0.7 * pose.tail
    _tail(
        body, root, hip, (0.30, 0.28), (angle, angle - 0.9 + 0.5 * pose.tail), (0.06, 0.055, 0.05), ("coat", "accent")
    )
    _torso_and_near_legs(body, pose, _CAT, head, "accent", 0.04)
    at = _frame(head, 0.7 * pose.head)
    for side, depth in ((1, MIDDLE), (-1, NEAR)):
        x = 0.085 * side
        body.add(Triangle(at(x - 0.085, 0.08), at(x + 0.085, 0.08), at(x + 0.05 * side, 0.285)), "ear", "coat", depth)
        body.add(Triangle(at(x - 0.04, 0.10), at(x + 0.04, 0.10), at(x + 0.035 * side, 0.22)), "ear", "accent", depth)
        body.joint(at(x + 0.05 * side, 0.27), joint)
    body.add(Ellipse(at(0, 0), 0.195, 0.165, 0.7 * pose.head), "head", "coat", 0.06)
    body.add(Ellipse(at(0.10, -0.06), 0.085, 0.065, 0.7 * pose.head), "face", "white", NEAR)
    body.add(Ellipse(at(0.13, -0.03), 0.03, 0.022), "face", "dark", NEAR)
    _eye(body, at(0.125, 0.05), 0.038)
    _eye(body, at(-0.005, 0.05), 0.038)
    return body


def _dog(pose: Pose) -> Body:
    body, head, joint, _, hip = _four_legged(pose, _DOG, "coat", 0.05)
    root = (-_DOG.half - 0.08, _DOG.height + 0.07)
    angle = math.pi / 2 + 0.35 + 0.8 * pose.tail
    _tail(body, root, hip, (0.15, 0.15), (angle, angle - 0.35), (0.065, 0.055, 0.045), ("coat", "second"))
    _torso_and_near_legs(body, pose, _DOG, head, "coat", 0.05)
    at = _frame(head, pose.head - 0.12)
    body.add(Capsule(at(-0.02, 0.10), at(0.02, -0.02), 0.06, 0.05), "ear", "accent", MIDDLE)
    body.add(Ellipse(at(0.02, 0.02), 0.165, 0.15, pose.head), "head", "coat", 0.06)
    body.add(Capsule(at(0.10, -0.03), at(0.27, -0.045), 0.095, 0.075), "head", "second", 0.08)
    body.add(Ellipse(at(0.325, -0.005), 0.045, 0.04), "face", "dark", NEAR)
    _eye(body, at(0.09, 0.075), 0.036)
    body.add(Capsule(at(-0.075, 0.10), at(-0.13, -0.14), 0.06, 0.085), "ear", "accent", NEAR)
    body.joint(at(0.32, -0.03), joint)
    body.joint(at(-0.13, -0.16), joint)
    return body


def _horse(pose: Pose) -> Body:
    body, head, joint, neck_angle, hip = _four_legged(pose, _HORSE, "accent", 0.03)
    root = (-_HORSE.half - 0.13, _HORSE.height + 0.07)
    angle = -math.pi / 2 - 0.75 + 0.6 * pose.tail
    _tail(body, root, hip, (0.22, 0.26), (angle, angle + 0.5), (0.06, 0.085, 0.06), ("accent", "accent"))
    chest = (_HORSE.half, _HORSE.height)
    along = _frame(chest, neck_angle)
    for x in (0.10, 0.23, 0.36, 0.48):  # the mane, tufts behind the neck
        body.add(Capsule(along(x, 0.06), along(x - 0.06, 0.165), 0.085, 0.05), "hair", "accent", MIDDLE)
    _torso_and_near_legs(body, pose, _HORSE, head, "accent", 0.03)
    at = _frame(head, 0.8 * pose.head - 0.75)
    body.add(Triangle(at(-0.11, 0.05), at(0.0, 0.06), at(-0.10, 0.22)), "ear", "coat", NEAR)
    body.add(Capsule(at(-0.02, 0.0), at(0.28, -0.01), 0.115, 0.08), "head", "coat", 0.06)
    body.add(Ellipse(at(0.31, -0.015), 0.075, 0.078, pose.head - 0.75), "face", "second", 0.07)
    body.add(Capsule(at(-0.06, 0.10), at(0.05, 0.07), 0.055, 0.04), "hair", "accent", NEAR)
    _eye(body, at(0.085, 0.035), 0.034)
    body.joint(at(0.33, -0.01), joint)
    body.joint(at(-0.08, 0.20), joint)
    return body


def _bird(pose: Pose) -> Body:
    body = Body()
    middle = (0.0, 0.55)
    tilt = 0.38
    at = _frame(middle, tilt)
    spine = body.joint(at(-0.25, 0.0))
    breast = body.joint(at(0.2, 0.02), spine)
    leg = _Limb(0.15, 0.17, (0.055, 0.042, 0.04))
    for index, name, x in ((_FAR_HIND, "far hind", 0.09), (_NEAR_HIND, "near hind", -0.05)):
        _leg(body, leg, (x, 0.36), pose.limbs[index], name, ("accent",) * 3, spine, 0.04, 0.11)
    for spread in (-0.22, 0.06, 0.34):  # tail feathers
        end = polar(at(-0.26, 0.0), 0.36, math.pi + tilt + spread * (0.8 + 0.3 * pose.tail) + 0.35 * pose.tail)
        body.add(Capsule(at(-0.24, 0.0), end, 0.05, 0.065), "tail", "accent" if spread == 0.06 else "second", -0.05)
    body.joint(polar(at(-0.26, 0.0), 0.36, math.pi + tilt + 0.05 + 0.35 * pose.tail), spine)
    body.add(Ellipse(middle, 0.37, 0.255, tilt), "torso")
    head = polar(at(0.22, 0.06), 0.20, 1.0 + 0.6 * pose.head)
    joint = body.joint(head, breast)
    face = _frame(head, 0.6 * pose.head)
    body.add(Triangle(face(0.10, -0.085), face(0.36, -0.02), face(0.10, 0.075)), "face", "accent", NEAR)
    body.add(Ellipse(head, 0.165, 0.16), "head", "coat", 0.06)
    _eye(body, face(0.065, 0.04), 0.042)
    body.joint(face(0.34, -0.02), joint)
    shoulder = at(0.13, 0.05)
    direction = math.pi + 0.30 - pose.limbs[_NEAR_FORE][0]
    wing = _frame(shoulder, direction)
    body.add(Ellipse(wing(0.19, 0.0), 0.28, 0.135, direction), "near fore", "second", NEAR)
    body.add(Ellipse(wing(0.33, 0.0), 0.13, 0.085, direction), "near fore", "accent", NEAR)
    body.joint(wing(0.44, 0.0), body.joint(shoulder, breast))
    return body


def _person(pose: Pose) -> Body:
    body = Body()
    hip, neck = (0.0, 0.62), (0.0, 1.02)
    hip_joint = body.joint(hip)
    neck_joint = body.joint(neck, hip_joint)
    head = polar(neck, 0.22, math.pi / 2 - 0.5 * pose.head)
    head_joint = body.joint(head, neck_joint)
    leg, arm = _Limb(0.27, 0.27, (0.105, 0.085, 0.07)), _Limb(0.22, 0.20, (0.08, 0.065, 0.055))

    def mirrored(bend: tuple[float, float], side: int) -> tuple[float, float]:
        return side * bend[0], side * bend[1]

    trousers, sleeve = ("accent", "accent", "shoe"), ("coat", "coat", "skin")
    for index, name, side in ((_FAR_HIND, "far hind", -1), (_NEAR_HIND, "near hind", 1)):
        _leg(body, leg, (0.075 * side, 0.58), mirrored(pose.limbs[index], side), name, trousers, hip_joint, 0.065, 0.07)
    body.add(Ellipse((head[0] - 0.03, head[1] - 0.02), 0.165, 0.18), "hair", "hair", -0.03)
    body.add(Capsule(neck, mix(neck, head, 0.6), 0.06, 0.06), "head", "skin")
    _leg(body, arm, (-0.135, 0.98), mirrored(pose.limbs[_FAR_FORE], -1), "far fore", sleeve, neck_joint, 0.062, 0.0)
    body.add(Capsule((0.0, 0.62), (0.0, 0.66), 0.155, 0.145), "torso", "accent")
    body.add(Capsule((0.0, 0.70), (0.0, 0.92), 0.15, 0.19), "torso")
    _leg(body, arm, (0.135, 0.98), mirrored(pose.limbs[_NEAR_FORE], 1), "near fore", sleeve, neck_joint, 0.062, 0.0)
    at = _frame(head, -0.5 * pose.head)
    body.add(Ellipse(at(0.015, 0.0), 0.135, 0.15), "head", "skin", 0.04)
    body.add(Capsule(at(-0.09, 0.09), at(0.08, 0.12), 0.065, 0.05), "hair", "hair", 0.08)
    _eye(body, at(0.075, 0.015), 0.03)
    _eye(body, at(-0.025, 0.015), 0.03)
    body.joint(at(0.10, 0.0), head_joint)
    return body


_BUILDERS = {"cat": _cat, "dog": _dog, "horse": _horse, "bird": _bird, "person": _person}
