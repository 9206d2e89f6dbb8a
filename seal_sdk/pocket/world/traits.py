"""What captions can say of details: traits, each true of the identity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .colors import Color, color_name
from .details.animal import AnimalDetails
from .details.person import BEARDS, HATS, LOGOS, PersonDetails
from .grammar import with_article
from .identity import HAIRS, Identity

HAIR_NAMES = ("black", "brown", "blond", "red", "grey")  # of `HAIRS`
_HAIR_WORDS = {"long": "long", "short": "short", "parted": "short", "curly": "curly"}
_LIKE_A_KNOWN_HAIR = 0.25  # RGB distance

HAS, WEARS, ON_TOP = "has", "wears", "on top"


@dataclass(frozen=True)
class Trait:
    """One thing that a caption can say.

    Attributes:
        role: `HAS` ("with a beard"), `WEARS` ("in a blue hat") or `ON_TOP` ("a top with a star").
        noun: What it is, in the plainest word.
        color: Its colour's word, or None if it goes without one.
        kind: A word in front of the colour: "long" black hair.
        plural: Whether it goes without an article.
        adjective: Says the same in front of "person", such as "bearded"; None if nothing does.
        colored: Whether the plainest wording names the colour.
    """

    role: str
    noun: str
    color: str | None = None
    kind: str | None = None
    plural: bool = False
    adjective: str | None = None
    colored: bool = True

    def phrase(self, color: str | None, noun: str | None = None) -> str:
        """Say it with that colour's word, or None, and that noun, or the plainest."""
        words = [word for word in (self.kind, color, noun or self.noun) if word]
        return " ".join(words) if self.plural else with_article(words)

    @property
    def plain(self) -> str:
        """The plainest wording."""
        return self.phrase(self.color if self.colored else None)


def traits(identity: Identity) -> tuple[Trait, ...]:
    """All that captions can say of the identity's details, in the order in which they say it."""
    details = identity.details
    if details is None:
        return ()
    if isinstance(details, AnimalDetails):
        return tuple(_of_animal(details))
    return (*_of_head(identity, details), *_of_clothes(identity, details), *_of_top(details))


def hair_name(color: Color) -> str:
    """Name the colour of hair as people do: blond and red hair is neither yellow nor orange."""
    distances = [float(np.linalg.norm(np.subtract(color, known))) for known in HAIRS]
    nearest = int(np.argmin(distances))
    return HAIR_NAMES[nearest] if distances[nearest] < _LIKE_A_KNOWN_HAIR else color_name(color)


def _of_animal(details: AnimalDetails) -> Iterator[Trait]:
    if details.collar:
        yield Trait(HAS, "collar", color_name(details.collar))
    if details.blaze:
        yield Trait(HAS, "blaze", "white")


def _of_head(identity: Identity, details: PersonDetails) -> Iterator[Trait]:
    hair, style = hair_name(identity.hair), details.hair_style
    if details.hat is None or style in ("long", "curly"):
        yield from _of_hair(hair, style)
    if details.beard:
        adjective = "bearded" if details.beard == "beard" else None
        yield Trait(HAS, details.beard, hair, adjective=adjective, colored=False)
    if details.glasses:
        color = None if details.dark_glasses else color_name(details.glasses)
        yield Trait(HAS, "sunglasses" if details.dark_glasses else "glasses", color, plural=True, colored=False)
    if details.earring:
        yield Trait(HAS, "earring")


def _of_hair(hair: str, style: str) -> Iterator[Trait]:
    """A hat hides all but long and curly hair."""
    if style == "bald":
        yield Trait(HAS, "bald head", adjective="bald")
    elif style in _HAIR_WORDS:
        kind = _HAIR_WORDS[style]
        yield Trait(HAS, "hair", hair, kind, plural=True, adjective=f"{kind}-haired")
    else:
        yield Trait(HAS, style, hair)


def _of_clothes(identity: Identity, details: PersonDetails) -> Iterator[Trait]:
    if details.hat:
        yield Trait(WEARS, details.hat.kind, color_name(details.hat.color))
    for noun, color in (("scarf", details.scarf), ("tie", details.tie), ("belt", details.belt)):
        if color:
            yield Trait(WEARS, noun, color_name(color))
    if details.gloves:
        yield Trait(WEARS, "gloves", color_name(details.gloves), plural=True)
    lower = "shorts" if details.shorts else "trousers"
    yield Trait(WEARS, lower, color_name(identity.accent), plural=True)
    yield Trait(WEARS, "shoes", color_name(details.shoes), plural=True)


def _of_top(details: PersonDetails) -> Iterator[Trait]:
    sleeves = "short" if details.short_sleeves else "long"
    yield Trait(ON_TOP, "sleeves", kind=sleeves, plural=True)
    if details.logo:
        yield Trait(ON_TOP, details.logo.shape, color_name(details.logo.color))


WORDS = (
    *(*BEARDS, *HATS, *LOGOS, *HAIR_NAMES, *_HAIR_WORDS.values()),
    *("hair", "bald head", "fringe", "mohawk", "glasses", "sunglasses", "earring", "scarf", "tie", "belt", "gloves"),
    *("shorts", "trousers", "shoes", "sleeves", "collar", "blaze", "with", "and"),
)
"""The words of all plainest wordings, but for the colours."""
