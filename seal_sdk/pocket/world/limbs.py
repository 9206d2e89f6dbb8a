"""Limbs, tails and eyes, as all species use them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from .body import FAR, NEAR, Body
from .shapes import Capsule, Ellipse, Point, polar

NEAR_FORE, NEAR_HIND, FAR_FORE, FAR_HIND = range(4)  # order of `Pose.limbs`
_DOWN = -math.pi / 2


@dataclass(frozen=True)
class Limb:
    """Measures of a leg or an arm, in body units.

    Attributes:
        upper: Length of the upper half.
        lower: Length of the lower half.
        radii: Radii at the top, the middle and the end.
        foot: Radius of the foot or the hand.
        toe: How far the foot reaches to the front.
    """

    upper: float
    lower: float
    radii: tuple[float, float, float]
    foot: float
    toe: float


def add_limb(
    body: Body,
    limb: Limb,
    top: Point,
    bend: tuple[float, float],
    name: str,
    materials: tuple[str, str, str],
    root: int,
) -> None:
    """Add an upper and a lower capsule and a foot.

    Args:
        body: The body that grows.
        limb: The limb's measures.
        top: Where the limb begins.
        bend: Angles in radians: the upper half's from straight down, the lower half's from the upper half.
        name: The part's name. Limbs whose name starts with "far" lie behind the body.
        materials: Of the upper half, the lower half and the foot.
        root: Index of the joint that the limb hangs on.
    """
    depth = FAR if name.startswith("far") else NEAR
    knee = polar(top, limb.upper, _DOWN + bend[0])
    end = polar(knee, limb.lower, _DOWN + bend[0] + bend[1])
    top_radius, mid_radius, end_radius = limb.radii
    body.add(Capsule(knee, end, mid_radius, end_radius), name, materials[1], depth)
    body.add(Capsule(end, (end[0] + limb.toe, end[1]), limb.foot, limb.foot * 0.9), name, materials[2], depth)
    body.add(Capsule(top, knee, top_radius, mid_radius), name, materials[0], depth)
    body.joint(end, body.joint(knee, body.joint(top, root)))


@dataclass(frozen=True)
class Tail:
    """Measures of a tail of two halves.

    Attributes:
        lengths: Of both halves, in body units.
        angles: Directions of both halves, in radians from +x.
        radii: At the root, the middle and the end, in body units.
        materials: Of both halves.
    """

    lengths: tuple[float, float]
    angles: tuple[float, float]
    radii: tuple[float, float, float]
    materials: tuple[str, str]


def add_tail(body: Body, tail: Tail, root: Point, joint: int) -> None:
    """Add a tail that begins at ``root`` and hangs on the joint of that index."""
    middle = polar(root, tail.lengths[0], tail.angles[0])
    end = polar(middle, tail.lengths[1], tail.angles[1])
    body.add(Capsule(middle, end, tail.radii[1], tail.radii[2]), "tail", tail.materials[1], -0.05)
    body.add(Capsule(root, middle, tail.radii[0], tail.radii[1]), "tail", tail.materials[0], -0.05)
    body.joint(end, body.joint(middle, joint))


def add_eye(body: Body, at: Point, radius: float) -> None:
    """Add a white eye with a dark pupil."""
    body.add(Ellipse(at, radius, radius), "face", "white", NEAR)
    body.add(Ellipse((at[0] + radius * 0.25, at[1]), radius * 0.62, radius * 0.62), "face", "dark", NEAR)


def frame(origin: Point, angle: float) -> Callable[[float, float], Point]:
    """Return a function from points in a frame that is turned by ``angle`` about ``origin`` to body units."""
    cos, sin = math.cos(angle), math.sin(angle)
    return lambda x, y: (origin[0] + cos * x - sin * y, origin[1] + sin * x + cos * y)
