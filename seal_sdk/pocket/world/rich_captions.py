"""Richer captions for training: what people write, in many ways, and true of the image. Ours.

They say what `caption` says and more: the second colour, which pattern is not there, photographic terms that change nothing.
The benchmark's wordings "long" and "paraphrased" put their prompts in other words than any of these, so that they stay a test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from .captions import caption, place, with_article
from .identity import PATTERNS, Identity, color_name
from .pose import Pose
from .scene import Scene

Value = TypeVar("Value")

_OPENINGS = (
    "a photo of",
    "photo of",
    "a picture of",
    "an image of",
    "a photograph of",
    "a snapshot of",
    "a close-up of",
    "a portrait of",
    "cinematic photo of",
    "a sharp photo of",
    "",
)
_TERMS = ("35mm", "50mm lens", "bokeh", "highly detailed", "sharp focus", "professional", "studio quality", "raw")
_SYNONYMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cat": ("cat", "kitty"),
        "dog": ("dog", "doggy"),
        "horse": ("horse", "steed"),
        "bird": ("bird", "birdie"),
        "person": ("person", "human"),
    }
)
_TOPS = ("top", "shirt", "jumper")
_COLOR_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType({"grey": ("grey", "gray")})
_PATTERN_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
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
    "{who} standing {place}",
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
    terms = [str(term) for term in rng.permutation(_TERMS)[: _one(rng, (0, 0, 1, 2, 3))]]
    joined = _one(rng, _JOINED)
    openings = _OPENINGS if joined.startswith("{who}") else _OPENINGS[:-1]  # "on snow, a cat" is the benchmark's
    who = f"{_one(rng, openings)} {_who(identity, rng)}".strip()
    told = joined.format(who=who, place=place(scene), scene=scene.name)
    return ", ".join([told, *terms])


def _who(identity: Identity, rng: np.random.Generator) -> str:
    """The subject with some of its looks: none, in front ("a striped blue cat") or behind ("a cat with blue stripes")."""
    noun = _one(rng, _SYNONYMS[identity.species])
    garment = _one(rng, _TOPS)
    person = identity.species == "person"
    looks = _looks(identity, rng)
    behind = _behind(identity, rng) if rng.random() < 0.35 else ""
    thing = with_article([*looks, garment if person else noun])
    who = thing if not person else f"a {noun} {_one(rng, ('in', 'wearing'))} {thing}"
    if person and not looks and not behind:
        return f"a {noun}"
    return who + behind


def _looks(identity: Identity, rng: np.random.Generator) -> list[str]:
    """Words in front of the noun: pattern and main colour, each or neither, in either order."""
    color, pattern = color_name(identity.main), identity.pattern
    words = []
    if rng.random() < 0.4:
        words.append(_one(rng, _PATTERN_WORDS[pattern]))
    if rng.random() < 0.5:
        words.append(_one(rng, _COLOR_WORDS.get(color, (color,))) + ("-coloured" if rng.random() < 0.08 else ""))
    return words if rng.random() < 0.7 else words[::-1]


def _behind(identity: Identity, rng: np.random.Generator) -> str:
    """Words behind the noun: its marks and their colour, or marks that it lacks."""
    marks = _MARKS.get(identity.pattern)
    if marks and rng.random() < 0.6:
        return f" with {color_name(identity.second)} {marks}" if rng.random() < 0.6 else f" with {marks}"
    missing = _one(rng, [word for name, word in _MARKS.items() if name != identity.pattern])
    return _one(rng, (f", no {missing}", f" without {missing}", f", not {_one(rng, _other_patterns(identity))}"))


def _other_patterns(identity: Identity) -> list[str]:
    return [each for each in PATTERNS if each not in (identity.pattern, "plain")]


def _one(rng: np.random.Generator, choices: Sequence[Value]) -> Value:
    return choices[int(rng.integers(len(choices)))]
