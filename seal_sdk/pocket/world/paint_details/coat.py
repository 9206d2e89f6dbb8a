"""Painting an animal's eyes, muzzle, feet, feathers and collar."""

from __future__ import annotations

import math

import numpy as np

from ..colors import Color
from ..details import AnimalDetails
from ..identity import Identity
from ..shapes import Capsule, Ellipse
from .canvas import Canvas
from .marks import Place, ellipse, line

_LEGS = ("near fore", "near hind", "far fore", "far hind")
_TILT = {"cat": 0.0, "dog": -0.12, "horse": -0.75, "bird": 0.0}  # of the face at rest, in radians
_BLACK, _WHITE, _BRASS = (0.0, 0.0, 0.0), (0.97, 0.97, 0.97), (0.95, 0.80, 0.25)
# Lines of the mouth, from the eye's middle and along the face, in body units.
_MOUTHS: dict[str, tuple[tuple[Place, Place], ...]] = {
    "cat": (((0.135, -0.10), (0.135, -0.125)), ((0.135, -0.125), (0.105, -0.14)), ((0.135, -0.125), (0.16, -0.14))),
    "dog": (((0.245, -0.125), (0.20, -0.155)), ((0.20, -0.155), (0.09, -0.145))),
    "horse": (((0.29, -0.075), (0.205, -0.095)),),
    "bird": (((0.295, -0.06), (0.06, -0.045)),),
}
_COLLAR = {"cat": (0.055, 0.095), "dog": (0.115, 0.155)}  # where it begins and ends along the neck, in body units


def paint_coat(canvas: Canvas, identity: Identity, details: AnimalDetails) -> None:
    """Paint an animal's details."""
    if details.collar:
        _collar(canvas, identity.species, details.collar)
    _feet(canvas, identity)
    _face(canvas, identity, details)
    _eyes(canvas, identity.species, details.iris)


def _eye_parts(canvas: Canvas) -> list[int]:
    """Indices of the dark parts of the eyes; a nose is no circle."""
    return [
        index
        for index, part in enumerate(canvas.parts)
        if part.material == "dark" and isinstance(part.shape, Ellipse) and part.shape.rx == part.shape.ry
    ]


def _eyes(canvas: Canvas, species: str, iris: Color) -> None:
    for index in _eye_parts(canvas):
        here, shape = canvas.owner == index, canvas.still[index].shape
        du, dv = canvas.u - shape.origin[0], canvas.v - shape.origin[1]
        width = 0.0065 if species == "cat" else 0.0115
        canvas.paint(here, iris)
        canvas.paint(here & ellipse(du, dv, (0.0, 0.0), width, 0.0175 if species == "cat" else width), _BLACK)
        canvas.paint(here & ellipse(du, dv, (0.006, 0.009), 0.006, 0.006), _WHITE)


def _face(canvas: Canvas, identity: Identity, details: AnimalDetails) -> None:
    species = identity.species
    eye = canvas.still[_eye_parts(canvas)[-1] - 1].shape.origin  # the white of the eye
    cos, sin = math.cos(_TILT[species]), math.sin(_TILT[species])
    dx, dy = canvas.x - eye[0], canvas.y - eye[1]
    x, y = cos * dx + sin * dy, cos * dy - sin * dx
    face = canvas.on("head", "face")
    if details.blaze:
        canvas.paint(canvas.on("head") & (y > 0.028) & (x > -0.01), _WHITE)
    for a, b in _MOUTHS[species]:
        canvas.tint(face & line(x, y, a, b, 0.010), _BLACK, 0.6)
    if species == "horse":
        canvas.tint(face & ellipse(x, y, (0.255, -0.028), 0.016, 0.011), _BLACK, 0.7)
    if species == "bird":
        canvas.tint(face & ellipse(x, y, (0.075, -0.02), 0.012, 0.008), _BLACK, 0.6)
    if species == "dog":
        canvas.tint(face & ellipse(x, y, (0.235, -0.066), 0.013, 0.009), _WHITE, 0.6)
    if species == "cat":
        for end in (-0.075, -0.11, -0.145):
            whisker = line(x, y, (0.075, -0.105), (-0.04, end), 0.006)
            canvas.tint(face & whisker, _WHITE if sum(identity.main) < 1.5 else _BLACK, 0.65)


def _feet(canvas: Canvas, identity: Identity) -> None:
    """Hooves, toes or a wing's feathers."""
    species = identity.species
    if species == "horse":
        canvas.tint(canvas.on(*_LEGS) & (canvas.v < 0.085), (0.08, 0.06, 0.05), 0.72)
        return
    if species == "bird":
        _feathers(canvas)
        return
    for index, part in enumerate(canvas.still):
        shape = part.shape
        if part.name in _LEGS and isinstance(shape, Capsule) and shape.a[1] == shape.b[1]:  # a foot lies
            toes = np.abs(np.abs(canvas.u - shape.a[0] - 0.062) - 0.014) < 0.005
            canvas.tint((canvas.owner == index) & toes & (canvas.v < shape.a[1] - 0.01), _BLACK, 0.5)


def _feathers(canvas: Canvas) -> None:
    wing = canvas.still[[part.name for part in canvas.still].index("near fore")].shape
    du, dv = canvas.u - wing.origin[0], canvas.v - wing.origin[1]
    along = math.cos(wing.angle) * du + math.sin(wing.angle) * dv
    across = math.cos(wing.angle) * dv - math.sin(wing.angle) * du
    lines = (along * 13.0 + 0.35 * np.abs(np.sin(across * 42.0))) % 1.0 < 0.16
    canvas.tint(canvas.on("near fore") & lines, _BLACK, 0.28)


def _collar(canvas: Canvas, species: str, color: Color) -> None:
    neck = canvas.still[[part.name for part in canvas.still].index("torso")].shape
    du, dv = canvas.u - neck.origin[0], canvas.v - neck.origin[1]
    along = math.cos(neck.angle) * du + math.sin(neck.angle) * dv
    across = math.cos(neck.angle) * dv - math.sin(neck.angle) * du
    first, last = _COLLAR[species]
    torso = canvas.on("torso")
    canvas.paint(torso & (along > first) & (along < last), color)
    canvas.paint(torso & ellipse(along, across, (first - 0.005, -0.10), 0.026, 0.026), _BRASS)
