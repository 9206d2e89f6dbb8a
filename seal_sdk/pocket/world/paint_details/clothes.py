"""Painting a person's clothes, in the coordinates of the body at rest: arms and legs hang straight down."""

from __future__ import annotations

import numpy as np

from ..details import Logo, PersonDetails
from ..identity import Identity
from .canvas import Canvas
from .marks import ellipse, figure, line

_ARMS, _LEGS = ("near fore", "far fore"), ("near hind", "far hind")
_ELBOW, _KNEE, _WAIST, _CHEST = 0.79, 0.29, 0.665, 0.845  # heights, in body units
_WHITE = (0.96, 0.96, 0.94)


def paint_clothes(canvas: Canvas, identity: Identity, details: PersonDetails) -> None:
    """Paint top, trousers and shoes."""
    _top(canvas, identity, details)
    _neckline(canvas, identity, details)
    _sleeves(canvas, identity, details)
    _trousers(canvas, identity, details)
    _shoes(canvas, details)


def _top(canvas: Canvas, identity: Identity, details: PersonDetails) -> None:
    torso = canvas.on("torso", material="coat")
    if details.tucked:
        canvas.paint(torso & (canvas.v < _WAIST), identity.accent)
    if details.belt:
        belt = canvas.on("torso") & (np.abs(canvas.v - _WAIST) < 0.021)
        canvas.paint(belt, details.belt)
        canvas.paint(belt & (np.abs(canvas.u - 0.02) < 0.026), (0.92, 0.80, 0.35))
    if details.logo:
        _logo(canvas, torso, details.logo)


def _logo(canvas: Canvas, torso: np.ndarray, logo: Logo) -> None:
    size = 0.088
    canvas.paint(torso & figure(logo.shape, canvas.u / size, (canvas.v - _CHEST) / size), logo.color)


def _neckline(canvas: Canvas, identity: Identity, details: PersonDetails) -> None:
    """The chin hides the torso above 1.09; what is below it shows."""
    torso = canvas.on("torso", material="coat")
    u, v = canvas.u, canvas.v
    if details.neckline == "round":
        canvas.paint(torso & ellipse(u, v, (0.0, 1.11), 0.10, 0.07), identity.skin)
    if details.neckline in ("v", "collar"):
        opening = torso & (v > 0.98 + 1.2 * np.abs(u))
        canvas.paint(opening, identity.skin)
    if details.neckline == "collar":
        flaps = torso & (v > 0.955 + 0.55 * np.abs(u)) & (v < 0.98 + 1.2 * np.abs(u)) & (np.abs(u) < 0.12)
        canvas.paint(flaps, _WHITE)
        canvas.paint(torso & line(u, v, (0.0, 0.69), (0.0, 0.96), 0.010), (0.25, 0.25, 0.27))
    if details.tie:
        width = 0.016 + 0.020 * np.clip((0.99 - v) / 0.22, 0.0, 1.0)
        tie = torso & (np.abs(u) < width) & (v > 0.73 + 0.7 * np.abs(u)) & (v < 0.99)
        canvas.paint(tie | (torso & ellipse(u, v, (0.0, 0.985), 0.028, 0.022)), details.tie)
    if details.scarf:
        scarf = (canvas.on("torso") & (v > 1.005)) | (torso & (np.abs(u + 0.055) < 0.034) & (v > 0.80) & (v < 1.03))
        canvas.paint(scarf, details.scarf)
        fringe = scarf & (np.abs(u + 0.055) < 0.034) & ((np.abs(v - 0.835) < 0.01) | (np.abs(v - 0.87) < 0.01))
        canvas.tint(fringe, _WHITE, 0.75)


def _sleeves(canvas: Canvas, identity: Identity, details: PersonDetails) -> None:
    sleeve = canvas.on(*_ARMS, material="coat")
    if details.short_sleeves:
        canvas.paint(sleeve & (canvas.v < _ELBOW), identity.skin)
    hem = _ELBOW + 0.012 if details.short_sleeves else 0.605
    canvas.tint(sleeve & (np.abs(canvas.v - hem) < 0.012), (0.0, 0.0, 0.0), 0.30)
    if details.gloves:
        canvas.paint(canvas.on(*_ARMS) & (canvas.v < 0.61), details.gloves)


def _trousers(canvas: Canvas, identity: Identity, details: PersonDetails) -> None:
    legs = canvas.on(*_LEGS, material="accent")
    if details.side_stripe:
        canvas.paint(legs & (np.abs(np.abs(canvas.u) - 0.075) < 0.017), details.side_stripe)
    if details.shorts:
        canvas.paint(legs & (canvas.v < _KNEE), identity.skin)
    hem = _KNEE + 0.012 if details.shorts else 0.115
    canvas.tint(legs & (np.abs(canvas.v - hem) < 0.012), (0.0, 0.0, 0.0), 0.30)


def _shoes(canvas: Canvas, details: PersonDetails) -> None:
    shoes = canvas.on(*_LEGS, material="shoe")
    canvas.paint(shoes, details.shoes)
    canvas.paint(shoes & (canvas.v < 0.005), details.soles)
    laces = (np.abs(canvas.u - np.sign(canvas.u) * 0.075 - 0.03) < 0.022) & (np.abs(canvas.v - 0.075) < 0.006)
    canvas.paint(shoes & laces, details.soles)
