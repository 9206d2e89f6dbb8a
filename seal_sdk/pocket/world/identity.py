"""Identities: species, colours and pattern. Nothing here depends on the pose or the scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .colors import Color, jitter, sample_color
from .details import AnimalDetails, PersonDetails

SPECIES = ("cat", "dog", "horse", "bird", "person")
PATTERNS = ("plain", "striped", "spotted", "patched", "two-tone")

_SKINS = ((0.98, 0.82, 0.70), (0.88, 0.66, 0.50), (0.66, 0.44, 0.30), (0.42, 0.27, 0.18))
HAIRS = ((0.12, 0.09, 0.08), (0.36, 0.20, 0.10), (0.86, 0.66, 0.28), (0.70, 0.28, 0.12), (0.62, 0.62, 0.64))


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
        details: What else the subject is recognised by, or None to draw it without: a person's `PersonDetails`, or
            another species' `AnimalDetails`.

    Raises:
        ValueError: For an unknown species or pattern, or details that do not suit the species.
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
    hair: Color = HAIRS[0]
    details: PersonDetails | AnimalDetails | None = None

    def __post_init__(self) -> None:
        if self.species not in SPECIES:
            raise ValueError(f"unknown species {self.species!r}; choose one of {', '.join(SPECIES)}")
        if self.pattern not in PATTERNS:
            raise ValueError(f"unknown pattern {self.pattern!r}; choose one of {', '.join(PATTERNS)}")
        if self.details is not None and isinstance(self.details, PersonDetails) != (self.species == "person"):
            raise ValueError(
                f"a {self.species} has no {type(self.details).__name__}; use details=None, or draw its own"
            )


def sample_identity(rng: np.random.Generator, species: str | None = None) -> Identity:
    """Draw an identity. Without a species each is equally likely. Raises ValueError for an unknown species."""
    species = species or SPECIES[int(rng.integers(len(SPECIES)))]
    main = sample_color(rng)
    second = sample_color(rng, away_from=(main,))
    accent = sample_color(rng, away_from=(main, second))
    return Identity(
        species=species,
        main=main,
        second=second,
        accent=accent,
        pattern=PATTERNS[int(rng.integers(len(PATTERNS)))],
        frequency=float(rng.uniform(3.4, 5.0)),
        angle=float(rng.uniform(-0.6, 0.6)),
        phase=float(rng.uniform(0.0, 1.0)),
        skin=jitter(rng, _SKINS[int(rng.integers(len(_SKINS)))]),
        hair=jitter(rng, HAIRS[int(rng.integers(len(HAIRS)))]),
    )
