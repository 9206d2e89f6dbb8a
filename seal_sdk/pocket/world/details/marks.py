"""Plane figures: which points are inside, in units of their size about their middle."""

from __future__ import annotations

import math

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
    """Points inside a figure of about radius 1 about the origin: a star, heart, circle, triangle, cross, moon or band."""
    radius = np.hypot(x, y)
    if name == "star":
        turn = np.abs((np.arctan2(x, y) / (2 * math.pi / 5) + 0.5) % 1.0 - 0.5) * (2 * math.pi / 5)
        across, tip, dent = radius * np.sin(turn), radius * np.cos(turn), 0.42
        dent_x, dent_y = dent * math.sin(math.pi / 5), dent * math.cos(math.pi / 5)
        return across * (1.08 - dent_y) < (1.08 - tip) * dent_x
    if name == "heart":
        w, h = x * 1.15, y * 1.15 + 0.1
        return (w * w + h * h - 0.9) ** 3 - 1.6 * w * w * h**3 < 0.0
    if name == "triangle":
        return (y > -0.7) & (1.75 * np.abs(x) + y < 0.95)
    if name == "cross":
        return (np.minimum(np.abs(x), np.abs(y)) < 0.3) & (np.maximum(np.abs(x), np.abs(y)) < 0.9)
    if name == "moon":
        return (radius < 0.95) & (np.hypot(x - 0.45, y - 0.15) > 0.78)
    return np.abs(y) < 0.5 if name == "band" else radius < 0.85
