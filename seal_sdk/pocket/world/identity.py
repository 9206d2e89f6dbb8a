"""Identities: species, colours and pattern. Nothing here depends on the pose or the scene."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

SPECIES = ("cat", "dog", "horse", "bird", "person")
PATTERNS = ("plain", "striped", "spotted", "patched", "two-tone")
COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "black", "grey")

Color = tuple[float, float, float]

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
_SKINS = ((0.98, 0.82, 0.70), (0.88, 0.66, 0.50), (0.66, 0.44, 0.30), (0.42, 0.27, 0.18))
_HAIRS = ((0.12, 0.09, 0.08), (0.36, 0.20, 0.10), (0.86, 0.66, 0.28), (0.70, 0.28, 0.12), (0.62, 0.62, 0.64))


@dataclass(frozen=True)
class Identity:
    """A subject's appearance. Colours are RGB in [0, 1].

    Attributes:
        species: One of `SPECIES`.
        main: First colour of the pattern.
        second: Second colour of the pattern.
        accent: Colour of the species' own marks: a cat's socks, a dog's ears, a horse's mane, a bird's beak, a
            person's trousers.
        pattern: One of `PATTERNS`.
        frequency: Of the pattern, in cycles per body unit. A body is about one unit high.
        angle: Of the pattern, in radians.
        phase: Of the pattern, in cycles.
        skin: Colour of a person's skin.
        hair: Colour of a person's hair.

    Raises:
        ValueError: For an unknown species or pattern.
    """

    species: str
    main: Color
    second: Color
    accent: Color
    pattern: str = "plain"
    frequency: float = 4.0
    angle: float = 0.0
    phase: float = 0.0
    skin: Color = _SKINS[0]
    hair: Color = _HAIRS[0]

    def __post_init__(self) -> None:
        if self.species not in SPECIES:
            raise ValueError(f"unknown species {self.species!r}; choose one of {', '.join(SPECIES)}")
        if self.pattern not in PATTERNS:
            raise ValueError(f"unknown pattern {self.pattern!r}; choose one of {', '.join(PATTERNS)}")


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


def sample_identity(rng: np.random.Generator, species: str | None = None) -> Identity:
    """Draw an identity. Without a species each is equally likely. Raises ValueError for an unknown species."""
    species = species or SPECIES[int(rng.integers(len(SPECIES)))]
    main = _sample_color(rng)
    second = _sample_color(rng, away_from=(main,))
    accent = _sample_color(rng, away_from=(main, second))
    return Identity(
        species=species,
        main=main,
        second=second,
        accent=accent,
        pattern=PATTERNS[int(rng.integers(len(PATTERNS)))],
        frequency=float(rng.uniform(3.4, 5.0)),
        angle=float(rng.uniform(-0.6, 0.6)),
        phase=float(rng.uniform(0.0, 1.0)),
        skin=_jitter(rng, _SKINS[int(rng.integers(len(_SKINS)))]),
        hair=_jitter(rng, _HAIRS[int(rng.integers(len(_HAIRS)))]),
    )


def _sample_color(rng: np.random.Generator, away_from: tuple[Color, ...] = ()) -> Color:
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
        return _jitter(rng, (level, level, level), 0.02)
    if rng.random() < 0.1:  # brown
        return _jitter(rng, (0.5, 0.3, 0.14), 0.05)
    hsv = rng.uniform(0.0, 1.0), rng.uniform(0.65, 1.0), rng.uniform(0.68, 1.0)
    red, green, blue = colorsys.hsv_to_rgb(*map(float, hsv))
    return red, green, blue


def _jitter(rng: np.random.Generator, color: Color, amount: float = 0.04) -> Color:
    red, green, blue = np.clip(np.asarray(color) + rng.uniform(-amount, amount, 3), 0.0, 1.0)
    return float(red), float(green), float(blue)
