"""Scenes: named backgrounds with their own colours, a horizon and one or two soft elements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .colors import Color

# name: (sky, ground, element) typical colours.
_TYPICAL: dict[str, tuple[Color, Color, Color]] = {
    "snow": ((0.74, 0.82, 0.90), (0.94, 0.96, 0.99), (0.84, 0.89, 0.95)),
    "beach": ((0.52, 0.80, 0.97), (0.93, 0.83, 0.58), (0.15, 0.50, 0.75)),
    "forest": ((0.55, 0.72, 0.56), (0.24, 0.38, 0.17), (0.10, 0.30, 0.14)),
    "desert": ((0.98, 0.80, 0.55), (0.86, 0.60, 0.32), (0.76, 0.46, 0.22)),
    "night": ((0.07, 0.08, 0.24), (0.12, 0.14, 0.20), (0.96, 0.94, 0.76)),
    "city": ((0.78, 0.76, 0.80), (0.42, 0.42, 0.45), (0.56, 0.56, 0.64)),
    "meadow": ((0.52, 0.78, 0.98), (0.42, 0.70, 0.24), (1.00, 0.93, 0.50)),
    "lake": ((0.80, 0.88, 0.96), (0.16, 0.40, 0.64), (0.36, 0.52, 0.44)),
    "room": ((0.90, 0.84, 0.74), (0.56, 0.37, 0.24), (0.66, 0.84, 0.96)),
}
SCENES = tuple(_TYPICAL)


@dataclass(frozen=True)
class Scene:
    """A background. Colours are RGB in [0, 1].

    Attributes:
        name: One of `SCENES`.
        sky: Colour of the sky, or of the wall.
        ground: Colour of the ground.
        element: Colour of the scene's element: trees, hills, moon, sea, buildings or window.
        horizon: Share of the image above the ground.
        layout: Four numbers in [0, 1] that place the element.

    Raises:
        ValueError: For an unknown name.
    """

    name: str
    sky: Color
    ground: Color
    element: Color
    horizon: float = 0.55
    layout: tuple[float, float, float, float] = (0.5, 0.5, 0.5, 0.5)

    def __post_init__(self) -> None:
        if self.name not in SCENES:
            raise ValueError(f"unknown scene {self.name!r}; choose one of {', '.join(SCENES)}")


def sample_scene(rng: np.random.Generator, name: str | None = None) -> Scene:
    """Draw a scene. Without a name each scene is equally likely. Raises ValueError for an unknown name."""
    name = name or SCENES[int(rng.integers(len(SCENES)))]
    if name not in SCENES:
        raise ValueError(f"unknown scene {name!r}; choose one of {', '.join(SCENES)}")
    sky, ground, element = (_near(rng, color) for color in _TYPICAL[name])
    a, b, c, d = map(float, rng.uniform(0.0, 1.0, 4))
    return Scene(name, sky, ground, element, float(rng.uniform(0.45, 0.68)), (a, b, c, d))


def _near(rng: np.random.Generator, color: Color) -> Color:
    shift = rng.uniform(-0.05, 0.05) + rng.uniform(-0.045, 0.045, 3)
    red, green, blue = np.clip(np.asarray(color) + shift, 0.0, 1.0)
    return float(red), float(green), float(blue)
