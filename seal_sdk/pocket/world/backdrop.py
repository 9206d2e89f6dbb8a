"""Painting a scene: sky, ground and the scene's element, without a subject."""

from __future__ import annotations

import numpy as np

from .scene import Scene

_SUN = np.array((1.0, 0.95, 0.72), np.float32)


def paint_scene(scene: Scene, size: int) -> np.ndarray:
    """Paint a scene without its subject, (size, size, 3) float32 in [0, 1]."""
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
    painted: np.ndarray = np.clip(picture, 0.0, 1.0)
    return painted


def _fill(picture: np.ndarray, distance: np.ndarray, color: np.ndarray) -> None:
    """Colour in place where the distance (in picture sides) is positive, softened over about two pixels."""
    weight = np.clip(0.5 + distance * picture.shape[0] / 2.0, 0.0, 1.0)
    picture += weight[..., None] * (color - picture)


# Each of the following draws a scene's element, before the ground is drawn. They take the picture (S, S, 3), the
# scene, x (1, S) and y (S, 1) in picture sides, and the element's colour (3,).


def _disc(picture: np.ndarray, scene: Scene, x: np.ndarray, y: np.ndarray, color: np.ndarray, radius: float) -> None:
    """Draw a disc somewhere in the upper sky."""
    cx, cy = 0.1 + 0.8 * scene.layout[0], 0.1 + 0.35 * scene.layout[1] * scene.horizon
    _fill(picture, radius - np.sqrt((x - cx) ** 2 + (y - cy) ** 2), color)


def _sun(picture: np.ndarray, scene: Scene, x: np.ndarray, y: np.ndarray, element: np.ndarray) -> None:
    _disc(picture, scene, x, y, _SUN, 0.085)


def _moon(picture: np.ndarray, scene: Scene, x: np.ndarray, y: np.ndarray, element: np.ndarray) -> None:
    _disc(picture, scene, x, y, element, 0.075)


def _hills(
    picture: np.ndarray, scene: Scene, x: np.ndarray, y: np.ndarray, element: np.ndarray, height: float = 0.14
) -> None:
    """Draw two soft hills on the horizon."""
    a, b, c, d = scene.layout
    for centre, tall, wide in ((a, 0.5 + 0.5 * b, 0.3), (c, 0.4 + 0.5 * d, 0.22)):
        edge = scene.horizon - height * tall * np.exp(-((x - centre) ** 2) / (2 * wide**2) * 2)
        _fill(picture, y - edge, element)


def _dunes(picture: np.ndarray, scene: Scene, x: np.ndarray, y: np.ndarray, element: np.ndarray) -> None:
    _sun(picture, scene, x, y, element)
    _hills(picture, scene, x, y, element, 0.12)


def _trees(picture: np.ndarray, scene: Scene, x: np.ndarray, y: np.ndarray, element: np.ndarray) -> None:
    """Draw fir trees on the horizon."""
    for index, place in enumerate(scene.layout):
        cx, top = (index + 0.2 + 0.6 * place) / 4, scene.horizon * (0.10 + 0.35 * ((place * 7.3) % 1.0))
        half = 0.12 * np.clip((y - top) / max(scene.horizon - top, 1e-3), 0.0, 1.0)
        _fill(picture, np.minimum(half - abs(x - cx), y - top), element * (0.85 + 0.3 * place))


def _buildings(picture: np.ndarray, scene: Scene, x: np.ndarray, y: np.ndarray, element: np.ndarray) -> None:
    """Draw four blocks in a row."""
    for index, place in enumerate(scene.layout):
        cx, top = (index + 0.5) / 4, scene.horizon * (0.12 + 0.6 * place)
        half = 0.08 + 0.04 * ((place * 5.7) % 1.0)
        _fill(picture, np.minimum(half - abs(x - cx), y - top), element * (0.8 + 0.35 * place))


def _window(picture: np.ndarray, scene: Scene, x: np.ndarray, y: np.ndarray, element: np.ndarray) -> None:
    """Draw a window with a white frame on the wall."""
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
