"""Painting a person's face, beard, glasses and earring, about the head's middle."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..colors import Color
from ..details import PersonDetails
from ..identity import Identity
from .canvas import Canvas
from .marks import ellipse, line

HEAD = (0.0, 1.24)  # the head's middle at rest, in body units
_EYES = ((0.075, 0.015), (-0.025, 0.015))
_LIPS = (0.66, 0.22, 0.22)
_GLASS = (0.06, 0.07, 0.10)
_WHITE = (0.97, 0.97, 0.97)


class Head(NamedTuple):
    """Points about the head's middle, and where it shows skin, hair or eyes."""

    x: np.ndarray
    y: np.ndarray
    all: np.ndarray
    skin: np.ndarray
    hair: np.ndarray

    @classmethod
    def of(cls, canvas: Canvas) -> Head:
        """The canvas's points about the head's middle."""
        skin, hair = canvas.on("head", material="skin"), canvas.on("hair")
        return cls(canvas.x - HEAD[0], canvas.y - HEAD[1], skin | hair | canvas.on("face"), skin, hair)


def darker(color: Color, share: float) -> Color:
    """The colour with that share of its light."""
    return share * color[0], share * color[1], share * color[2]


def paint_face(canvas: Canvas, head: Head, identity: Identity, details: PersonDetails) -> None:
    """Paint eyes, brows, nose and mouth."""
    x, y = head.x, head.y
    pupils = canvas.on("face", material="dark")
    for eye in _EYES:
        middle = (eye[0] + 0.0075, eye[1])
        canvas.paint(pupils & ellipse(x, y, middle, 0.03, 0.03), details.iris)
        canvas.paint(pupils & ellipse(x, y, middle, 0.0095, 0.0095), (0.05, 0.05, 0.06))
        canvas.paint(pupils & ellipse(x, y, (middle[0] + 0.005, middle[1] + 0.007), 0.0055, 0.0055), _WHITE)
    lid = canvas.on("face") & (y > 0.033)
    canvas.paint(lid, darker(identity.skin, 0.78))
    canvas.paint(head.skin & line(x, y, (0.036, 0.0), (0.052, -0.030), 0.011), darker(identity.skin, 0.74))
    canvas.paint(head.skin & line(x, y, (0.052, -0.030), (0.032, -0.034), 0.011), darker(identity.skin, 0.74))


def paint_brows(canvas: Canvas, head: Head, identity: Identity) -> None:
    """Paint brows, over what hair the forehead shows."""
    for eye in _EYES:
        a, b = (eye[0] - 0.026, eye[1] + 0.040), (eye[0] + 0.026, eye[1] + 0.046)
        canvas.paint(head.all & line(head.x, head.y, a, b, 0.012), darker(identity.hair, 0.65))


def paint_beard(canvas: Canvas, head: Head, identity: Identity, details: PersonDetails) -> None:
    """Paint a beard or a moustache, and the mouth."""
    x, y = head.x, head.y
    if details.beard == "beard":
        cheeks = (y < -0.052) | ((y < 0.005 - 0.9 * (x + 0.075)) & (x < -0.045)) | ((y < -0.01) & (x > 0.115))
        canvas.paint(head.skin & cheeks, identity.hair)
        canvas.tint(head.skin & cheeks & ((x * 45.0 + y * 12.0) % 1.0 < 0.28), (0.0, 0.0, 0.0), 0.16)
    if details.beard:
        for side in (-1, 1):
            a, b = (0.038, -0.050), (0.038 + 0.048 * side, -0.064)
            canvas.paint(head.skin & line(x, y, a, b, 0.026), darker(identity.hair, 0.9))
    smile = -0.088 + 6.0 * (x - 0.036) ** 2
    mouth = head.skin & (np.abs(x - 0.036) < 0.038) & (np.abs(y - smile) < 0.0085)
    canvas.paint(mouth, _LIPS)


def paint_glasses(canvas: Canvas, head: Head, details: PersonDetails) -> None:
    """Paint glasses: two rims, a bridge and an arm to the ear."""
    if details.glasses is None:
        return
    x, y = head.x, head.y
    for eye in _EYES:
        lens = head.all & ellipse(x, y, eye, 0.044, 0.041)
        if details.dark_glasses:
            canvas.paint(lens, _GLASS)
            glint = line(x, y, (eye[0] - 0.015, eye[1] + 0.002), (eye[0] + 0.004, eye[1] + 0.02), 0.008)
            canvas.tint(lens & glint, _WHITE, 0.6)
        canvas.paint(lens & ~ellipse(x, y, eye, 0.033, 0.030), details.glasses)
    bridge = line(x, y, (_EYES[1][0] + 0.036, 0.022), (_EYES[0][0] - 0.036, 0.022), 0.012)
    arm = line(x, y, (_EYES[1][0] - 0.04, 0.022), (-0.115, 0.030), 0.012)
    canvas.paint(head.all & (bridge | arm), details.glasses)
