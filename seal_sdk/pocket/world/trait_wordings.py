"""Details in many wordings, for richer captions: what a subject has, wears and does not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from .details.animal import AnimalDetails
from .details.person import PersonDetails
from .grammar import listed, with_article
from .traits import HAS, ON_TOP, WEARS, Trait

NOUNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "glasses": ("glasses", "spectacles"),
        "sunglasses": ("sunglasses", "dark glasses"),
        "moustache": ("moustache", "mustache"),
        "cap": ("cap", "baseball cap"),
        "woolly hat": ("woolly hat", "beanie"),
        "tie": ("tie", "necktie"),
        "shoes": ("shoes", "trainers"),
        "trousers": ("trousers", "pants"),
        "circle": ("circle", "disc"),
        "moon": ("moon", "crescent"),
        "bald head": ("bald head", "shaved head"),
    }
)
_SPELLINGS: Mapping[str, tuple[str, ...]] = MappingProxyType({"grey": ("grey", "gray"), "blond": ("blond", "blonde")})
_COLORED = 0.65  # share of the traits whose colour is told
_ADJECTIVE = 0.4  # share of those that have an adjective


def phrase(trait: Trait, rng: np.random.Generator) -> str:
    """Say the trait in one of its wordings, with its colour or without."""
    noun, color = _one(rng, NOUNS.get(trait.noun, (trait.noun,))), trait.color
    told = None if color is None or rng.random() >= _COLORED else _one(rng, _SPELLINGS.get(color, (color,)))
    return trait.phrase(told, noun)


def describe_animal(noun: Sequence[str], marks: str, told: Sequence[Trait], rng: np.random.Generator) -> str:
    """An animal with what it has: "a cat with spots and a red collar".

    Args:
        noun: The noun and the words in front of it.
        marks: The marks of its pattern, such as " with spots", or nothing.
        told: Its traits.
        rng: Draws the wording.
    """
    has = [*([marks.removeprefix(" with ")] if marks else []), *(phrase(trait, rng) for trait in told)]
    return with_article(noun) + (f" with {listed(has)}" if has else "")


def describe_person(noun: str, top: str, told: Sequence[Trait], rng: np.random.Generator) -> str:
    """A person with what they have and wear: "a bearded person with glasses, wearing a blue hat and a red top".

    Args:
        noun: The noun.
        top: The top with its looks, such as "a red top", or nothing if it is not told.
        told: The person's traits, at least one.
        rng: Draws the wording.
    """
    words = [noun]
    described = [trait for trait in told if trait.adjective and rng.random() < _ADJECTIVE][:1]
    if described and described[0].adjective:
        words.insert(0, described[0].adjective)
    has, wears, on_top = (
        [phrase(trait, rng) for trait in told if trait.role == role and trait not in described]
        for role in (HAS, WEARS, ON_TOP)
    )
    if on_top:
        top += f"{' and' if ' with ' in top else ' with'} {listed(on_top)}"
    return with_article(words) + _joined(has, [*wears, *([top] if top else [])], rng)


def _joined(has: Sequence[str], wears: Sequence[str], rng: np.random.Generator) -> str:
    """What is told behind the noun. The top is the last, since what is on it follows it."""
    form = int(rng.integers(4))
    if has and wears:
        both = (
            f" with {listed(has)} in {listed(wears)}",
            f" with {listed(has)}, wearing {listed(wears)}",
            f" who has {listed(has)} and wears {listed(wears)}",
            f" with {listed([*has, *wears])}",
        )
        return both[form]
    if has:
        return f" {('with', 'with', 'who has', 'having')[form]} {listed(has)}"
    return f" {('in', 'wearing', 'who wears', 'dressed in')[form]} {listed(wears)}" if wears else ""


def absent(details: PersonDetails | AnimalDetails) -> list[str]:
    """What people could expect of the subject and it has not, with an article where it needs one."""
    if isinstance(details, AnimalDetails):
        return [] if details.collar else ["a collar"]
    worn = {
        "a hat": details.hat,
        "glasses": details.glasses,
        "a beard": details.beard,
        "a scarf": details.scarf,
        "a tie": details.tie,
    }
    return [name for name, there in worn.items() if there is None]


def _one(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]
