"""Painting a body: the identity's colours and pattern, lit from the upper left."""

from __future__ import annotations

import math

import numpy as np

from .identity import Identity
from .light import lambert
from .paint_details import paint_details
from .raster import Raster

_WAIST = {"cat": 0.46, "dog": 0.55, "horse": 0.72, "bird": 0.54, "person": 0.83}  # where two tones meet, at rest
_WHITE, _DARK = (0.97, 0.97, 0.95), (0.08, 0.07, 0.09)


def shade(raster: Raster, at: np.ndarray) -> np.ndarray:
    """Return Lambert shading (n,) in [0, 1] at the flat indices ``at``."""
    return lambert(raster.nx.ravel()[at], raster.ny.ravel()[at])


def paint_body(identity: Identity, raster: Raster, at: np.ndarray) -> np.ndarray:
    """Return the subject's colours (n, 3) float32 in [0, 1] at the flat indices ``at``."""
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
    light = shade(raster, at)
    paint_details(identity, raster, at, painted, light)
    light = (0.72 + 0.34 * light) * far[owner]
    colored: np.ndarray = np.clip(painted * light[:, None], 0.0, 1.0)
    return colored


def pattern(identity: Identity, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return where the coat shows the second colour (n,), at points (u, v) of the body at rest, in body units."""
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
