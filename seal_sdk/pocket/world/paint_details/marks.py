"""Plane figures: which points are inside, in units of their size about their middle."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Place = tuple[float, float]


def ellipse(x: np.ndarray, y: np.ndarray, at: Place, rx: float, ry: float) -> np.ndarray:
    """Points inside an ellipse about ``at`` with half axes ``rx`` and ``ry``."""
    inside: np.ndarray = ((x - at[0]) / rx) ** 2 + ((y - at[1]) / ry) ** 2 < 1.0
    return inside


def line(x: np.ndarray, y: np.ndarray, a: Place, b: Place, width: float) -> np.ndarray:
    """Points within half the width of the straight line from ``a`` to ``b``."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    along = np.clip(((x - a[0]) * dx + (y - a[1]) * dy) / (dx * dx + dy * dy), 0.0, 1.0)
    near: np.ndarray = np.hypot(x - a[0] - along * dx, y - a[1] - along * dy) < width / 2
    return near


def figure(name: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Points inside a figure of about radius 1 about the origin, of a name in ``LOGOS``."""
    inside: np.ndarray = _FIGURES[name](x, y)
    return inside


def _star(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Five points of radius 1.08, with dents of radius 0.42 between them: below the edge from a point to a dent."""
    tip, dent, half = 1.08, 0.42, math.pi / 5
    turn = np.abs((np.arctan2(x, y) / (2 * half) + 0.5) % 1.0 - 0.5) * 2 * half
    across, along = np.hypot(x, y) * np.sin(turn), np.hypot(x, y) * np.cos(turn)
    inside: np.ndarray = across * (tip - dent * math.cos(half)) < (tip - along) * dent * math.sin(half)
    return inside


def _heart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    w, h = 1.15 * x, 1.15 * y + 0.1
    inside: np.ndarray = (w * w + h * h - 0.9) ** 3 < 1.6 * w * w * h**3
    return inside


def _cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = np.abs(x), np.abs(y)
    inside: np.ndarray = (np.minimum(x, y) < 0.3) & (np.maximum(x, y) < 0.9)
    return inside


_FIGURES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "star": _star,
    "heart": _heart,
    "circle": lambda x, y: np.hypot(x, y) < 0.85,
    "triangle": lambda x, y: (y > -0.7) & (1.75 * np.abs(x) + y < 0.95),
    "cross": _cross,
    "moon": lambda x, y: (np.hypot(x, y) < 0.95) & (np.hypot(x - 0.45, y - 0.15) > 0.78),
    "band": lambda x, y: np.abs(y) < 0.5,
}
