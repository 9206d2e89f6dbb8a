"""Painting a person's hair and hat, about the head's middle. The head's outline stays, so hair and skin share its surface."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..colors import Color
from ..details import Hat, PersonDetails
from ..identity import Identity
from ..light import lambert
from .canvas import Canvas
from .face import Head, darker
from .marks import ellipse


def paint_hair(canvas: Canvas, head: Head, identity: Identity, details: PersonDetails) -> None:
    """Paint the head in skin, and its hair over it."""
    surface = head.skin | head.hair
    canvas.paint(head.hair, identity.skin)
    canvas.tint(head.hair & (head.y < -0.06), (0.0, 0.0, 0.0), 0.14)  # the nape lies in shadow
    hair = surface & _covered(details.hair_style, head)
    canvas.paint(hair, identity.hair)
    if details.hair_style in ("bald", "mohawk"):
        _smooth(canvas, head, head.hair & ~hair & (head.y > 0.0))
    _strands(canvas, head, hair, details.hair_style, identity.hair)
    _ear(canvas, head, identity, details)


def _covered(style: str, head: Head) -> np.ndarray:
    """(n,), where a hair style has hair: above its hairline, on the back of the head, and at the side."""
    covered: np.ndarray = _STYLES[style](head.x, head.y, head.hair)
    return covered


def _long(x: np.ndarray, y: np.ndarray, back: np.ndarray) -> np.ndarray:
    crown = y > 0.083 + 0.9 * np.maximum(x - 0.02, 0.0) ** 1.5
    covered: np.ndarray = crown | (back & (y < 0.1)) | (x < -0.075 + 0.25 * np.maximum(-y, 0.0)) | (x > 0.125)
    return covered


def _curly(x: np.ndarray, y: np.ndarray, back: np.ndarray) -> np.ndarray:
    side = x + 0.012 * np.sin(95.0 * y) < -0.092
    covered: np.ndarray = (y + 0.012 * np.sin(95.0 * x) > 0.078) | (back & (y > -0.15)) | side
    return covered


_STYLES: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "long": _long,
    "short": lambda x, y, back: (y > 0.088 + 0.25 * np.abs(x)) | (back & (y > -0.02)) | ((x < -0.108) & (y > 0.0)),
    "fringe": lambda x, y, back: (y > 0.060) | (back & (y > -0.12)) | ((x < -0.085) & (y > -0.08)) | (x > 0.130),
    "curly": _curly,
    "parted": lambda x, y, back: (
        (y > 0.068 + 0.55 * np.abs(x - 0.055)) | (back & (y > -0.04)) | ((x < -0.10) & (y > -0.01))
    ),
    "bald": lambda x, y, back: (x < -0.118) & (np.abs(y + 0.02) < 0.065),
    "mohawk": lambda x, y, back: (np.abs(x + 0.005) < 0.042) & (y > 0.080),
}


def _smooth(canvas: Canvas, head: Head, where: np.ndarray) -> None:
    """Light the points as if the face went on there, so that no cap of hair shows on a bare head."""
    nx, ny = (head.x[where] - 0.015) / 0.135, head.y[where] / 0.15
    length = np.maximum(np.hypot(nx, ny) / 0.97, 1.0)
    canvas.light[where] = lambert(canvas.facing * nx / length, ny / length)


def _strands(canvas: Canvas, head: Head, hair: np.ndarray, style: str, color: Color) -> None:
    x, y = head.x, head.y
    if style == "curly":
        cells = np.hypot((x * 22.0) % 1.0 - 0.5, (y * 22.0 + 0.5 * (np.floor(x * 22.0) % 2)) % 1.0 - 0.5)
        canvas.tint(hair & (np.abs(cells - 0.34) < 0.12), _sheen(color), 0.20)
        return
    bent = np.arctan2(x - 0.055, y + 0.02) * 5.0 if style == "parted" else x * 26.0 + y * 6.0
    canvas.tint(hair & (bent % 1.0 < 0.28), _sheen(color), 0.12)


def _sheen(color: Color) -> Color:
    """What strands are mixed with: light on black hair, dark on other."""
    return (1.0, 1.0, 1.0) if sum(color) < 0.6 else (0.0, 0.0, 0.0)


def _ear(canvas: Canvas, head: Head, identity: Identity, details: PersonDetails) -> None:
    x, y = head.x, head.y
    if details.hair_style not in ("long", "fringe", "curly"):
        ear = (head.skin | head.hair) & ellipse(x, y, (-0.112, 0.002), 0.026, 0.038)
        canvas.paint(ear, darker(identity.skin, 0.80))
        canvas.paint(ear & ellipse(x, y, (-0.110, 0.004), 0.018, 0.029), identity.skin)
    if details.earring:
        canvas.paint((head.skin | head.hair) & ellipse(x, y, (-0.112, -0.050), 0.015, 0.015), details.earring)


def paint_hat(canvas: Canvas, head: Head, hat: Hat) -> None:
    """Paint a hat with a band and a brim, a cap with a peak, or a ribbed woolly hat."""
    x, y = head.x, head.y
    level = y - 0.072
    if hat.kind == "woolly hat":
        canvas.paint(head.all & (level > -0.004), hat.color)
        canvas.tint(head.all & (level > 0.036) & ((x * 24.0) % 1.0 < 0.3), (0.0, 0.0, 0.0), 0.2)
        canvas.paint(head.all & (np.abs(level - 0.015) < 0.019), hat.band)
        canvas.paint(head.all & ellipse(x, y, (-0.01, 0.152), 0.034, 0.030), hat.band)
        return
    canvas.paint(head.all & (level > 0.0), hat.color)
    if hat.kind == "cap":
        peak = (x > -0.02) & (level > -0.016 - 0.05 * x) & (level < 0.018)
        canvas.paint(head.all & peak, darker(hat.color, 0.62))
        canvas.paint(head.all & ellipse(x, y, (0.045, 0.122), 0.026, 0.020), hat.band)
        return
    canvas.paint(head.all & (np.abs(level - 0.034) < 0.016), hat.band)
    canvas.paint(head.all & (np.abs(level) < 0.014), darker(hat.color, 0.72))
