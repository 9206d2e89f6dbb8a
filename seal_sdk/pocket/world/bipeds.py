"""Two-legged species: bird and person."""

from __future__ import annotations

import math

from .body import NEAR, Body
from .limbs import FAR_FORE, FAR_HIND, NEAR_FORE, NEAR_HIND, Limb, add_eye, add_limb, frame
from .pose import Pose
from .shapes import Capsule, Ellipse, Triangle, mix, polar


def bird(pose: Pose) -> Body:
    """Build a bird."""
    body = Body()
    middle = (0.0, 0.55)
    tilt = 0.38
    at = frame(middle, tilt)
    spine = body.joint(at(-0.25, 0.0))
    breast = body.joint(at(0.2, 0.02), spine)
    leg = Limb(0.15, 0.17, (0.055, 0.042, 0.04), foot=0.04, toe=0.11)
    for index, name, x in ((FAR_HIND, "far hind", 0.09), (NEAR_HIND, "near hind", -0.05)):
        add_limb(body, leg, (x, 0.36), pose.limbs[index], name, ("accent",) * 3, spine)
    for spread in (-0.22, 0.06, 0.34):  # tail feathers
        end = polar(at(-0.26, 0.0), 0.36, math.pi + tilt + spread * (0.8 + 0.3 * pose.tail) + 0.35 * pose.tail)
        body.add(Capsule(at(-0.24, 0.0), end, 0.05, 0.065), "tail", "accent" if spread == 0.06 else "second", -0.05)
    body.joint(polar(at(-0.26, 0.0), 0.36, math.pi + tilt + 0.05 + 0.35 * pose.tail), spine)
    body.add(Ellipse(middle, 0.37, 0.255, tilt), "torso")
    head = polar(at(0.22, 0.06), 0.20, 1.0 + 0.6 * pose.head)
    joint = body.joint(head, breast)
    face = frame(head, 0.6 * pose.head)
    body.add(Triangle(face(0.10, -0.085), face(0.36, -0.02), face(0.10, 0.075)), "face", "accent", NEAR)
    body.add(Ellipse(head, 0.165, 0.16), "head", "coat", 0.06)
    add_eye(body, face(0.065, 0.04), 0.042)
    body.joint(face(0.34, -0.02), joint)
    shoulder = at(0.13, 0.05)
    direction = math.pi + 0.30 - pose.limbs[NEAR_FORE][0]
    wing = frame(shoulder, direction)
    body.add(Ellipse(wing(0.19, 0.0), 0.28, 0.135, direction), "near fore", "second", NEAR)
    body.add(Ellipse(wing(0.33, 0.0), 0.13, 0.085, direction), "near fore", "accent", NEAR)
    body.joint(wing(0.44, 0.0), body.joint(shoulder, breast))
    return body


def person(pose: Pose) -> Body:
    """Build a person."""
    body = Body()
    hip, neck = (0.0, 0.62), (0.0, 1.02)
    hip_joint = body.joint(hip)
    neck_joint = body.joint(neck, hip_joint)
    head = polar(neck, 0.22, math.pi / 2 - 0.5 * pose.head)
    head_joint = body.joint(head, neck_joint)
    leg = Limb(0.27, 0.27, (0.105, 0.085, 0.07), foot=0.065, toe=0.07)
    arm = Limb(0.22, 0.20, (0.08, 0.065, 0.055), foot=0.062, toe=0.0)

    def mirrored(bend: tuple[float, float], side: int) -> tuple[float, float]:
        return side * bend[0], side * bend[1]

    trousers, sleeve = ("accent", "accent", "shoe"), ("coat", "coat", "skin")
    for index, name, side in ((FAR_HIND, "far hind", -1), (NEAR_HIND, "near hind", 1)):
        add_limb(body, leg, (0.075 * side, 0.58), mirrored(pose.limbs[index], side), name, trousers, hip_joint)
    body.add(Ellipse((head[0] - 0.03, head[1] - 0.02), 0.165, 0.18), "hair", "hair", -0.03)
    body.add(Capsule(neck, mix(neck, head, 0.6), 0.06, 0.06), "head", "skin")
    add_limb(body, arm, (-0.135, 0.98), mirrored(pose.limbs[FAR_FORE], -1), "far fore", sleeve, neck_joint)
    body.add(Capsule((0.0, 0.62), (0.0, 0.66), 0.155, 0.145), "torso", "accent")
    body.add(Capsule((0.0, 0.70), (0.0, 0.92), 0.15, 0.19), "torso")
    add_limb(body, arm, (0.135, 0.98), mirrored(pose.limbs[NEAR_FORE], 1), "near fore", sleeve, neck_joint)
    at = frame(head, -0.5 * pose.head)
    body.add(Ellipse(at(0.015, 0.0), 0.135, 0.15), "head", "skin", 0.04)
    body.add(Capsule(at(-0.09, 0.09), at(0.08, 0.12), 0.065, 0.05), "hair", "hair", 0.08)
    add_eye(body, at(0.075, 0.015), 0.03)
    add_eye(body, at(-0.025, 0.015), 0.03)
    body.joint(at(0.10, 0.0), head_joint)
    return body
