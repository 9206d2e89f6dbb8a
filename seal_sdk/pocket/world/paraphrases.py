"""Pairs of captions that say the same of an image: plainly, and as people write. Ours.

A text encoder that is trained to give both the same meaning learns which words matter, and to pass over those that it does not know.
The other caption therefore has words beside it that say nothing of the image, some of them of letters drawn at random.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .captions import caption, place
from .colors import color_name
from .grammar import with_article
from .identity import Identity
from .pose import Pose
from .rich_captions import COLOR_WORDS, OPENINGS, PATTERN_WORDS, SYNONYMS, TOPS, one
from .scene import Scene

_OPENINGS = (
    *OPENINGS,
    "a close-up of",
    "a portrait of",
    "a full body picture of",
    "here is",
    "please draw",
    "i want to see",
    "cinematic photo of",
    "a beautiful photo of",
    "an old photo of",
    "",
)
_FILLERS = (
    "35mm",
    "50mm lens",
    "bokeh",
    "highly detailed",
    "sharp focus",
    "professional",
    "golden hour",
    "shallow depth of field",
    "dreamy",
    "vivid",
    "film grain",
    "masterpiece",
    "best quality",
    "8k",
    "natural colours",
    "morning haze",
    "warm tones",
    "very clear",
    "a quiet scene",
    "seen from the side",
    "magazine cover",
    "trending",
    "rule of thirds",
    "nikon",
)
_VERBS = ("", "", "standing", "which is", "who is", "sitting", "waiting", "alone", "seen")
_LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")


def paraphrase(identity: Identity, pose: Pose, scene: Scene, *, rng: np.random.Generator) -> tuple[str, str]:
    """What is said of a photo in the plainest wording of `caption`, and in another.

    Args:
        identity: Who is shown. Its main colour and its pattern are named or not; both captions do the same.
        pose: Not used, as in `caption`.
        scene: Where the subject stands. It is named or not.
        rng: Draws what is said, and the wording.
    """
    color, pattern, placed = rng.random() < 0.6, rng.random() < 0.35, rng.random() < 0.9
    plain = caption(identity, pose, scene, color=color, pattern=pattern)
    if not placed:
        plain = plain.removesuffix(f" {place(scene)}")
    return plain, _reworded(_who(identity, color, pattern, rng), place(scene) if placed else "", rng)


def _who(identity: Identity, color: bool, pattern: bool, rng: np.random.Generator) -> str:
    """The subject in words that need not be `caption`'s."""
    looks = [one(rng, PATTERN_WORDS[identity.pattern])] if pattern else []
    if color:
        name = color_name(identity.main)
        looks.append(one(rng, COLOR_WORDS.get(name, (name,))))
    noun, beside = one(rng, SYNONYMS[identity.species]), _beside(rng)
    if identity.species != "person":
        words = [*beside, *looks, noun]
        return " ".join(["my", *words]) if rng.random() < 0.15 else with_article(words)
    dressed = f" {one(rng, ('in', 'wearing'))} {with_article([*looks, one(rng, TOPS)])}" if looks else ""
    return with_article([*beside, noun]) + dressed


def _reworded(who: str, placed: str, rng: np.random.Generator) -> str:
    """Subject and place in one of many orders, with words around them."""
    verb = one(rng, _VERBS)
    opening = one(rng, _OPENINGS)
    if rng.random() < 0.2:
        opening = f"{' '.join(with_article([_unknown(rng), _unknown(rng)]).split()[: int(rng.integers(2, 4))])} of"
    told = f"{opening} {who}"
    if placed:
        behind = f"{verb} {placed}".strip()
        told = one(
            rng, (f"{told} {behind}", f"{told}, {placed}", f"{placed}, {opening or one(rng, _OPENINGS[:-1])} {who}")
        )
    extra = [_extra(rng) for _ in range(one(rng, (0, 0, 1, 2, 3, 4)))]
    return ", ".join([told.strip(), *extra])


def _beside(rng: np.random.Generator) -> list[str]:
    """An adjective that says nothing of the looks, or none."""
    if rng.random() < 0.8:
        return []
    return [one(rng, ("lovely", "happy", "good", "single", "famous", "young", _unknown(rng)))]


def _extra(rng: np.random.Generator) -> str:
    """A term that says nothing of the image: a known one, or words that nobody knows."""
    if rng.random() < 0.5:
        return one(rng, _FILLERS)
    return " ".join(_unknown(rng) for _ in range(int(rng.integers(1, 4))))


def _unknown(rng: np.random.Generator) -> str:
    """Letters drawn at random."""
    letters: Sequence[str] = [one(rng, _LETTERS) for _ in range(int(rng.integers(3, 10)))]
    return "".join(letters)
