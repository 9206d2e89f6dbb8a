"""Colours: the identity's pattern on the body, and the scene behind it."""

from __future__ import annotations

import math

import numpy as np

from .identity import Identity
from .raster import Raster
from .scene import Scene

_LIGHT = np.array((-0.45, 0.6, 0.66), np.float32)  # from the upper left, towards the viewer
_WAIST = {"cat": 0.46, "dog": 0.55, "horse": 0.72, "bird": 0.54, "person": 0.83}  # where two tones meet, at rest
_SUN = np.array((1.0, 0.95, 0.72), np.float32)
_WHITE, _DARK = (0.97, 0.97, 0.95), (0.08, 0.07, 0.09)


def shade(raster: Raster, at: np.ndarray) -> np.ndarray:
    """Lambert light in [0, 1] at the flat indices ``at``."""
    nx, ny = raster.nx.ravel()[at], raster.ny.ravel()[at]
    nz = np.sqrt(np.maximum(1.0 - nx * nx - ny * ny, 0.0))
    return np.clip(_LIGHT[0] * nx + _LIGHT[1] * ny + _LIGHT[2] * nz, 0.0, 1.0)


def paint_body(identity: Identity, raster: Raster, at: np.ndarray) -> np.ndarray:
    """The subject's colours, float32 (n, 3), at the flat indices ``at``."""
    shoe = tuple(0.35 * channel for channel in identity.accent)
    colors = {
        "coat": identity.main,
        "second": identity.second,
        "accent": identity.accent,
        "skin": identity.skin,
        "hair": identity.hair,
        "shoe": shoe,
        "white": _WHITE,
        "dark": _DARK,
    }
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
    _BACKDROPS[scene.name](picture, scene, x, y, element)
    floor = ground * (1.0 - 0.18 * np.clip(below, 0.0, 1.0))
    _fill(picture, y - scene.horizon, floor)
    if scene.name == "beach":  # the sea, a band between sand and sky
        _fill(picture, 0.03 + 0.04 * scene.layout[1] - abs(y - scene.horizon), element)
    return np.clip(picture, 0.0, 1.0)


def _fill(picture: np.ndarray, distance: np.ndarray, color: np.ndarray) -> None:
    """Colour in place where ``distance`` (in picture sides) is positive, softened over about two pixels."""
    weight = np.clip(0.5 + distance * picture.shape[0] / 2.0, 0.0, 1.0)
    picture += weight[..., None] * (color - picture)


# A backdrop draws the element behind the ground: (picture, scene, x (1, S), y (S, 1), the element's colour).


def _disc(picture: np.ndarray, scene: Scene, x: np.ndarray, y: np.ndarray, color: np.ndarray, radius: float) -> None:
    """A disc somewhere in the upper sky."""
    cx, cy = 0.1 + 0.8 * scene.layout[0], 0.1 + 0.35 * scene.layout[1] * scene.horizon
    _fill(picture, radius - np.sqrt((x - cx) ** 2 + (y - cy) ** 2), color)


def _sun(picture: np.ndarray, scene: Scene, x: np.ndarray, y: np.ndarray, element: np.ndarray) -> None:
    _disc(picture, scene, x, y, _SUN, 0.085)


def _moon(picture: np.ndarray, scene: Scene, x: np.ndarray, y: np.ndarray, element: np.ndarray) -> None:
    _disc(picture, scene, x, y, element, 0.075)


def _hills(
    picture: np.ndarray, scene: Scene, x: np.ndarray, y: np.ndarray, element: np.ndarray, height: float = 0.14
) -> None:
    """Two soft hills on the horizon."""
    a, b, c, d = scene.layout
    for centre, tall, wide in ((a, 0.5 + 0.5 * b, 0.3), (c, 0.4 + 0.5 * d, 0.22)):
        edge = scene.horizon - height * tall * np.exp(-((x - centre) ** 2) / (2 * wide**2) * 2)
        _fill(picture, y - edge, element)


def _dunes(picture: np.ndarray, scene: Scene, x: np.ndarray, y: np.ndarray, element: np.ndarray) -> None:
    _sun(picture, scene, x, y, element)
    _hills(picture, scene, x, y, element, 0.12)


def _trees(picture: np.ndarray, scene: Scene, x: np.ndarray, y: np.ndarray, element: np.ndarray) -> None:
    """Fir trees on the horizon."""
    for index, place in enumerate(scene.layout):
        cx, top = (index + 0.2 + 0.6 * place) / 4, scene.horizon * (0.10 + 0.35 * ((place * 7.3) % 1.0))
        half = 0.12 * np.clip((y - top) / max(scene.horizon - top, 1e-3), 0.0, 1.0)
        _fill(picture, np.minimum(half - abs(x - cx), y - top), element * (0.85 + 0.3 * place))


def _buildings(picture: np.ndarray, scene: Scene, x: np.ndarray, y: np.ndarray, element: np.ndarray) -> None:
    """Four blocks in a row."""
    for index, place in enumerate(scene.layout):
        cx, top = (index + 0.5) / 4, scene.horizon * (0.12 + 0.6 * place)
        half = 0.08 + 0.04 * ((place * 5.7) % 1.0)
        _fill(picture, np.minimum(half - abs(x - cx), y - top), element * (0.8 + 0.35 * place))


def _window(picture: np.ndarray, scene: Scene, x: np.ndarray, y: np.ndarray, element: np.ndarray) -> None:
    """A window with a white frame on the wall."""
    cx, cy = 0.2 + 0.6 * scene.layout[0], scene.horizon * 0.42
    for half, color in ((0.15, np.full(3, 0.96, np.float32)), (0.125, element)):
        _fill(picture, half - np.maximum(abs(x - cx), abs(y - cy)), color)


_BACKDROPS = {
    "snow": _hills,
    "beach": _sun,
    "forest": _trees,
    "desert": _dunes,
    "night": _moon,
    "city": _buildings,
    "meadow": _sun,
    "lake": _hills,
    "room": _window,
}
