"""Drawing details by chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .colors import Color, color_name, jitter, sample_color
from .details.animal import AnimalDetails
from .details.person import BEARDS, HAIR_STYLES, HATS, LOGOS, NECKLINES, Hat, Logo, PersonDetails
from .identity import Identity

_EYES = ((0.16, 0.40, 0.72), (0.20, 0.52, 0.28), (0.42, 0.24, 0.10), (0.45, 0.48, 0.52))
_COAT_EYES = ((0.20, 0.52, 0.28), (0.85, 0.60, 0.12), (0.42, 0.24, 0.10), (0.25, 0.55, 0.80))
_SOLES = ((0.95, 0.95, 0.93), (0.15, 0.14, 0.14), (0.78, 0.62, 0.42))
_METALS = ((0.95, 0.80, 0.25), (0.85, 0.87, 0.90))
_RIMS = ((0.08, 0.08, 0.09), (0.36, 0.19, 0.08), (0.80, 0.12, 0.12), (0.10, 0.25, 0.75))

_LOST_ON = {"circle": ("spotted",), "band": ("striped", "two-tone")}  # patterns that a logo looks like a piece of


def sample_details(rng: np.random.Generator, identity: Identity) -> PersonDetails | AnimalDetails:
    """Draw details that stand out from the identity's own colours."""
    if identity.species != "person":
        collar = sample_color(rng, (identity.main, identity.second)) if rng.random() < 0.5 else None
        worn = collar if identity.species in ("cat", "dog") else None
        iris = jitter(rng, _one(rng, _COAT_EYES))
        return AnimalDetails(iris, worn, blaze=bool(rng.random() < 0.5) and identity.species == "horse")
    details = PersonDetails(
        hair_style=HAIR_STYLES[int(rng.integers(len(HAIR_STYLES)))],
        iris=jitter(rng, _one(rng, _EYES)),
        shoes=sample_color(rng, (identity.accent,)),
        soles=_one(rng, _SOLES),
        neckline=NECKLINES[int(rng.integers(len(NECKLINES)))],
        beard=BEARDS[int(rng.integers(len(BEARDS)))] if rng.random() < 0.35 else None,
    )
    return _dressed(rng, identity, _adorned(rng, identity, details))


def _adorned(rng: np.random.Generator, identity: Identity, details: PersonDetails) -> PersonDetails:
    """Add what the head wears."""
    rims = _one(rng, _RIMS)
    hat_color = sample_color(rng, (identity.hair, identity.skin))
    hat = Hat(HATS[int(rng.integers(len(HATS)))], hat_color, sample_color(rng, (hat_color,)))
    glasses, dark, earring, worn = rng.random(4)
    return replace(
        details,
        glasses=rims if glasses < 0.38 else None,
        dark_glasses=bool(glasses < 0.38 and dark < 0.35),
        earring=_one(rng, _METALS) if earring < 0.2 else None,
        hat=hat if worn < 0.35 else None,
    )


def _dressed(rng: np.random.Generator, identity: Identity, details: PersonDetails) -> PersonDetails:
    """Add clothes. A scarf leaves no room for a tie, and neither of them for a logo."""
    coat = (identity.main, identity.second)
    scarf, tie, belt, gloves = (sample_color(rng, coat) for _ in range(4))
    shapes = [shape for shape in LOGOS if identity.pattern not in _LOST_ON.get(shape, ())]
    logo = Logo(shapes[int(rng.integers(len(shapes)))], _differently_named(rng, coat))
    stripe = sample_color(rng, (identity.accent,))
    scarfed, tied, marked, belted, striped, gloved, sleeves, shorts, tucked = rng.random(9)
    has_tie, is_tucked = bool(scarfed >= 0.15 and tied < 0.18), bool(tucked < 0.6)
    return replace(
        details,
        neckline="collar" if has_tie else details.neckline,
        scarf=scarf if scarfed < 0.15 else None,
        tie=tie if has_tie else None,
        logo=logo if not has_tie and scarfed >= 0.15 and marked < 0.55 else None,
        belt=belt if is_tucked and belted < 0.6 else None,
        side_stripe=stripe if striped < 0.25 else None,
        gloves=gloves if gloved < 0.12 else None,
        short_sleeves=bool(sleeves < 0.4),
        shorts=bool(shorts < 0.3),
        tucked=is_tucked,
    )


def _differently_named(rng: np.random.Generator, others: tuple[Color, ...]) -> Color:
    """A colour that stands out from the others and has another name than they."""
    names = {color_name(other) for other in others}
    drawn = [sample_color(rng, others) for _ in range(6)]
    return next((color for color in drawn if color_name(color) not in names), drawn[0])


def _one(rng: np.random.Generator, colors: tuple[Color, ...]) -> Color:
    return colors[int(rng.integers(len(colors)))]
