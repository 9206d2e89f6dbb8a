"""Colours: their names, and drawing them so that they differ."""

from __future__ import annotations

import colorsys

import numpy as np

COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "black", "grey")

Color = tuple[float, float, float]
"""RGB in [0, 1]."""

# Hue (in turns) at which each named band ends.
_HUES = (
    (0.03, "red"),
    (0.115, "orange"),
    (0.19, "yellow"),
    (0.45, "green"),
    (0.70, "blue"),
    (0.82, "purple"),
    (0.945, "pink"),
    (1.01, "red"),
)


def color_name(color: Color) -> str:
    """Name an RGB colour in [0, 1] by a word of `COLORS`."""
    hue, saturation, value = colorsys.rgb_to_hsv(*color)
    if value < 0.22:
        return "black"
    if saturation < 0.18:
        return "white" if value > 0.8 else "grey"
    name = next(name for end, name in _HUES if hue < end)
    if name in ("red", "orange", "yellow") and hue > 0.02 and value < 0.62:
        return "brown"
    if name == "red" and saturation < 0.55 and value > 0.75:
        return "pink"
    return name


def sample_color(rng: np.random.Generator, away_from: tuple[Color, ...] = ()) -> Color:
    """Draw a colour at an RGB distance of at least 0.45 from the others, or else the farthest of twelve draws."""
    best, best_distance = (0.0, 0.0, 0.0), -1.0
    for _ in range(12):
        color = _draw_color(rng)
        distance = min((float(np.linalg.norm(np.subtract(color, other))) for other in away_from), default=1.0)
        if distance > 0.45:
            return color
        if distance > best_distance:
            best, best_distance = color, distance
    return best


def _draw_color(rng: np.random.Generator) -> Color:
    if rng.random() < 0.2:  # white, grey, black
        level = (0.95, 0.5, 0.12)[int(rng.integers(3))] + rng.uniform(-0.05, 0.05)
        return jitter(rng, (level, level, level), 0.02)
    if rng.random() < 0.1:  # brown
        return jitter(rng, (0.5, 0.3, 0.14), 0.05)
    hsv = rng.uniform(0.0, 1.0), rng.uniform(0.65, 1.0), rng.uniform(0.68, 1.0)
    red, green, blue = colorsys.hsv_to_rgb(*map(float, hsv))
    return red, green, blue


def jitter(rng: np.random.Generator, color: Color, amount: float = 0.04) -> Color:
    """Move each channel by up to ``amount``, within [0, 1]."""
    red, green, blue = np.clip(np.asarray(color) + rng.uniform(-amount, amount, 3), 0.0, 1.0)
    return float(red), float(green), float(blue)
