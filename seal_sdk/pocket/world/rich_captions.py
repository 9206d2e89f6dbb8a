"""Richer captions for training: what people write, in many ways, and true of the image. Ours.

They say what `caption` says and more: the second colour, which pattern is not there, photographic terms that change nothing.
The benchmark's wordings "long" and "paraphrased" put their prompts in other words than any of these, so that they stay a test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from .captions import caption, pick, place
from .colors import color_name
from .grammar import with_article
from .identity import Identity
from .pose import Pose
from .scene import Scene
from .trait_wordings import absent, describe_animal, describe_person
from .traits import ON_TOP, Trait, traits

Value = TypeVar("Value")

OPENINGS = ("a photo of", "photo of", "a picture of", "an image of", "a photograph of")
_OPENINGS = (
    *OPENINGS,
    "a snapshot of",
    "a close-up of",
    "a portrait of",
    "cinematic photo of",
    "a sharp photo of",
    "",
)
_TERMS = ("35mm", "50mm lens", "bokeh", "highly detailed", "sharp focus", "professional", "studio quality", "raw")
SYNONYMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cat": ("cat", "kitty"),
        "dog": ("dog", "doggy"),
        "horse": ("horse", "steed"),
        "bird": ("bird", "birdie"),
        "person": ("person", "human"),
    }
)
TOPS = ("top", "shirt", "jumper")
COLOR_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType({"grey": ("grey", "gray")})
PATTERN_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "plain": ("plain", "unpatterned"),
        "striped": ("striped", "stripy"),
        "spotted": ("spotted", "dotted"),
        "patched": ("patched", "patchy"),
        "two-tone": ("two-tone", "two-coloured"),
    }
)
_MARKS: Mapping[str, str] = MappingProxyType({"striped": "stripes", "spotted": "spots", "patched": "patches"})
_JOINED = (
    "{who} {place}",
    "{who} {place}",
    "{place}, {who}",
    "{who}, {place}",
    "{who}, {scene}",
    "{who}, standing {place}",
    "{who}",
)


def rich_caption(identity: Identity, pose: Pose, scene: Scene, kind: str = "photo", *, rng: np.random.Generator) -> str:
    """Describe a rendering in one of many ways; everything that it says is true of the image.

    Args:
        identity: Who is shown.
        pose: Not used, as in `caption`.
        scene: Where the subject stands.
        kind: One of `KINDS`. Structure images show no looks, so their captions are those of `caption`.
        rng: Draws the wording.

    Raises:
        ValueError: For an unknown kind.
    """
    if kind != "photo":
        return caption(identity, pose, scene, kind, rng=rng)
    terms = [str(term) for term in rng.permutation(_TERMS)[: one(rng, (0, 0, 1, 2, 3))]]
    joined = one(rng, _JOINED)
    openings = _OPENINGS if joined.startswith("{who}") else _OPENINGS[:-1]  # "on snow, a cat" is the benchmark's
    who = f"{one(rng, openings)} {_who(identity, rng)}".strip()
    told = joined.format(who=who, place=place(scene), scene=scene.name)
    return ", ".join([told, *_denied(identity, rng), *terms])


def _who(identity: Identity, rng: np.random.Generator) -> str:
    """The subject with some of its looks: none, in front ("a striped blue cat") or behind ("a cat with blue stripes")."""
    noun, looks, marks = one(rng, SYNONYMS[identity.species]), _looks(identity, rng), _marks(identity, rng)
    found = traits(identity)
    told = pick(found, one(rng, (0, 1, 2, 3, 4)), rng) if found else []  # without details nothing is drawn
    if identity.species != "person":
        return describe_animal([*looks, noun], marks, told, rng)
    if told:
        top = f"{with_article([*looks, one(rng, TOPS)])}{marks}" if looks or marks or _needs_top(told) else ""
        return describe_person(noun, top, told, rng)
    if not looks and not marks:
        return f"a {noun}"
    return f"a {noun} {one(rng, ('in', 'wearing'))} {with_article([*looks, one(rng, TOPS)])}{marks}"


def _needs_top(told: Sequence[Trait]) -> bool:
    return any(trait.role == ON_TOP for trait in told)


def _looks(identity: Identity, rng: np.random.Generator) -> list[str]:
    """Words in front of the noun: pattern and main colour, each or neither, in either order."""
    color, pattern = color_name(identity.main), identity.pattern
    words = []
    if rng.random() < 0.4:
        words.append(one(rng, PATTERN_WORDS[pattern]))
    if rng.random() < 0.5:
        words.append(one(rng, COLOR_WORDS.get(color, (color,))) + ("-coloured" if rng.random() < 0.08 else ""))
    return words if rng.random() < 0.7 else words[::-1]


def _marks(identity: Identity, rng: np.random.Generator) -> str:
    """Words behind the noun: the marks of its pattern, perhaps with their colour, or nothing."""
    marks = _MARKS.get(identity.pattern)
    if marks is None or rng.random() < 0.7:
        return ""
    return f" with {color_name(identity.second)} {marks}" if rng.random() < 0.6 else f" with {marks}"


def _denied(identity: Identity, rng: np.random.Generator) -> list[str]:
    """What the subject does not have, in words of its own, or nothing."""
    if rng.random() < 0.85:
        return []
    missing = absent(identity.details) if identity.details else []
    if missing and rng.random() < 0.5:
        thing = one(rng, missing)
        return [one(rng, (f"no {thing.removeprefix('a ')}", f"without {thing}"))]
    pattern = one(rng, [each for each in _MARKS if each != identity.pattern])
    return [one(rng, (f"no {_MARKS[pattern]}", f"without {_MARKS[pattern]}", f"not {pattern}"))]


def one(rng: np.random.Generator, choices: Sequence[Value]) -> Value:
    """One of the choices, each as likely."""
    return choices[int(rng.integers(len(choices)))]
