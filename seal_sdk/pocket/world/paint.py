"""Colours: the identity's pattern on the body, and the scene behind it."""

from __future__ import annotations

import math

import numpy as np

from .identity import Identity
from .raster import Raster
from .scene import Scene

_LIGHT = np.array((-0.45, 0.6, 0.66), np.float32)  # from the upper left, towards the viewer
_WAIST = {"cat": 0.46, "dog": 0.55, "horse": 0.72, "bird": 0.54, "person": 0.83}  # where two tones meet, at rest
_WHITE, _DARK = (0.97, 0.97, 0.95), (0.08, 0.07, 0.09)


def shade(raster: Raster, at: np.ndarray) -> np.ndarray:
    """Lambert light in [0, 1] at the flat indices ``at``."""
    nx, ny = raster.nx.ravel()[at], raster.ny.ravel()[at]
    nz = np.sqrt(np.maximum(1.0 - nx * nx - ny * ny, 0.0))
    return np.clip(_LIGHT[0] * nx + _LIGHT[1] * ny + _LIGHT[2] * nz, 0.0, 1.0)


def paint_body(identity: Identity, raster: Raster, at: np.ndarray) -> np.ndarray:
    """The subject's colours, float32 (n, 3), at the flat indices ``at``."""
    shoe = tuple(0.35 * channel for channel in identity.accent)
    colors = {"coat": identity.main, "second": identity.second, "accent": identity.accent, "skin": identity.skin,
              "hair": identity.hair, "shoe": shoe, "white": _WHITE, "dark": _DARK}
    parts = raster.body.parts
    owner = raster.owner.ravel()[at]
    table = np.array([colors[part.material] for part in parts], np.float32)
    coat = np.array([part.material == "coat" for part in parts])
    far = np.array([0.80 if part.depth < -0.1 else 1.0 for part in parts], np.float32)
    painted = table[owner]
    marked = coat[owner] & pattern(identity, raster.u.ravel()[at], raster.v.ravel()[at])
    painted[marked] = identity.second
    light = (0.72 + 0.34 * shade(raster, at)) * far[owner]
    return np.clip(painted * light[:, None], 0.0, 1.0)


def pattern(identity: Identity, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Where the coat shows the second colour (bool), at points of the body at rest."""
    cos, sin = math.cos(identity.angle), math.sin(identity.angle)
    x, y = cos * u + sin * v, cos * v - sin * u
    f, phase = identity.frequency, identity.phase
    if identity.pattern == "striped":
        return (x * f + phase) % 1.0 < 0.46
    if identity.pattern == "spotted":
        row = np.floor(y * f)
        dx, dy = (x * f + phase + 0.5 * (row % 2)) % 1.0 - 0.5, y * f - row - 0.5
        return dx * dx + dy * dy < 0.115
    if identity.pattern == "patched":
        turn, w = 2 * math.pi * phase, 1.9 * f
        waves = np.sin(w * x + turn) + np.sin(0.8 * w * y - 2 * turn) + 0.7 * np.sin(0.6 * w * (x - y) + 3 * turn)
        return waves > 0.35
    if identity.pattern == "two-tone":
        return y + 0.25 * identity.angle > _WAIST[identity.species] + 0.12 * (phase - 0.5)
    return np.zeros(u.shape, bool)


def paint_scene(scene: Scene, size: int) -> np.ndarray:
    """The scene without its subject, float32 (size, size, 3) in [0, 1]."""
    x = ((np.arange(size, dtype=np.float32) + 0.5) / size)[None]
    y = ((np.arange(size, dtype=np.float32) + 0.5) / size)[:, None]
    sky, ground, element = (np.asarray(color, np.float32) for color in (scene.sky, scene.ground, scene.element))
    above = (y / scene.horizon)[..., None]
    below = ((y - scene.horizon) / (1.0 - scene.horizon))[..., None]
    pale = sky + (1.0 - sky) * (0.05 if scene.name == "night" else 0.45)
    picture = np.broadcast_to(sky + (pale - sky) * np.clip(above, 0.0, 1.0) ** 2, (size, size, 3)).copy()
    _BACKDROPS.get(scene.name, _sun)(picture, scene, x, y, element)
    floor = ground * (1.0 - 0.18 * np.clip(below, 0.0, 1.0))
    _blend(picture, _soft(y - scene.horizon, size) * np.ones_like(x), floor)
    if scene.name == "beach":
        _blend(picture, _soft(0.03 + 0.04 * scene.layout[1] - abs(y - scene.horizon), size) * np.ones_like(x), element)
    return np.clip(picture, 0.0, 1.0)


def _soft(distance: np.ndarray, size: int) -> np.ndarray:
    """Coverage of a half-plane: 1 inside (distance > 0), softened over about two pixels."""
    return np.clip(0.5 + distance * size / 2.0, 0.0, 1.0)


def _blend(picture: np.ndarray, weight: np.ndarray, color: np.ndarray) -> None:
    picture += weight[..., None] * (color - picture)


def _size(picture: np.ndarray) -> int:
    return picture.shape[0]


def _sun(picture, scene, x, y, element, radius=0.085, color=(1.0, 0.95, 0.72)) -> None:
    """A sun or a moon somewhere in the upper sky."""
    cx, cy = 0.1 + 0.8 * scene.layout[0], 0.1 + 0.35 * scene.layout[1] * scene.horizon
    distance = radius - np.sqrt((x - cx) ** 2 + (y - cy) ** 2)
    _blend(picture, _soft(distance, _size(picture)), np.asarray(color, np.float32))


def _moon(picture, scene, x, y, element) -> None:
    _sun(picture, scene, x, y, element, 0.075, element)


def _hills(picture, scene, x, y, element, height=0.14) -> None:
    """Two soft hills on the horizon."""
    a, b, c, d = scene.layout
    for centre, tall, wide in ((a, 0.5 + 0.5 * b, 0.3), (c, 0.4 + 0.5 * d, 0.22)):
        edge = scene.horizon - height * tall * np.exp(-((x - centre) ** 2) / (2 * wide**2) * 2)
        _blend(picture, _soft(y - edge, _size(picture)), element)


def _dunes(picture, scene, x, y, element) -> None:
    _sun(picture, scene, x, y, element)
    _hills(picture, scene, x, y, element, 0.12)


def _trees(picture, scene, x, y, element) -> None:
    """Fir trees on the horizon."""
    for index, place in enumerate(scene.layout):
        cx, top = (index + 0.2 + 0.6 * place) / 4, scene.horizon * (0.10 + 0.35 * ((place * 7.3) % 1.0))
        half = 0.12 * np.clip((y - top) / max(scene.horizon - top, 1e-3), 0.0, 1.0)
        _blend(picture, _soft(np.minimum(half - abs(x - cx), y - top), _size(picture)), element * (0.85 + 0.3 * place))


def _buildings(picture, scene, x, y, element) -> None:
    for index, place in enumerate(scene.layout):
        cx, top = (index + 0.5) / 4, scene.horizon * (0.12 + 0.6 * place)
        half = 0.08 + 0.04 * ((place * 5.7) % 1.0)
        _blend(picture, _soft(np.minimum(half - abs(x - cx), y - top), _size(picture)), element * (0.8 + 0.35 * place))


def _window(picture, scene, x, y, element) -> None:
    cx, cy = 0.2 + 0.6 * scene.layout[0], scene.horizon * 0.42
    for half, color in ((0.15, np.float32(0.96)), (0.125, element)):
        _blend(picture, _soft(half - np.maximum(abs(x - cx), abs(y - cy)), _size(picture)), color)


_BACKDROPS = {"snow": _hills, "forest": _trees, "desert": _dunes, "night": _moon, "city": _buildings, "lake": _hills,
              "room": _window}
