"""Captions. Some name everything that the image shows and some little, so that prompts need not name everything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from .colors import COLORS, color_name
from .grammar import listed, with_article
from .identity import PATTERNS, SPECIES, Identity
from .kinds import KINDS
from .pose import Pose
from .scene import SCENES, Scene
from .traits import HAS, ON_TOP, WEARS, WORDS, Trait, traits

_PLACES = {
    "snow": "on snow",
    "beach": "on a beach",
    "forest": "in a forest",
    "desert": "in a desert",
    "night": "at night",
    "city": "in a city",
    "meadow": "on a meadow",
    "lake": "on a lake",
    "room": "in a room",
}
_KIND_PHRASES = {
    "photo": "a photo of",
    "depth": "a depth map of",
    "mesh": "a mesh of",
    "pose": "a pose skeleton of",
    "canny": "a canny edge map of",
    "sketch": "a sketch of",
    "segmentation": "a segmentation map of",
}
_QUALITY = "high quality"


def caption(
    identity: Identity,
    pose: Pose,
    scene: Scene,
    kind: str = "photo",
    *,
    rng: np.random.Generator | None = None,
    color: bool | None = None,
    pattern: bool | None = None,
    details: bool | None = None,
) -> str:
    """Describe a rendering.

    Captions of structure images name the kind and the species only, since these images show nothing else.

    Args:
        identity: Who is shown.
        pose: Not used. It is here so that `caption` and `render` take the same arguments.
        scene: Where the subject stands.
        kind: One of `KINDS`.
        rng: Varies the wording. Without it the plainest wording is used, such as "a photo of a cat on snow".
        color: Whether to name the main colour. None leaves that to ``rng``, or means no without one.
        pattern: Whether to name the pattern. None leaves that to ``rng``, or means no without one.
        details: Whether to name all details that captions have words for. None leaves that to ``rng``, which names up
            to three, or means no without one. An identity without details has none to name.

    Raises:
        ValueError: For an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; choose one of {', '.join(KINDS)}")

    def chance(share: float) -> bool:
        return rng is not None and bool(rng.random() < share)

    opening = _KIND_PHRASES[kind]
    if chance(0.2):
        opening = f"{_QUALITY} {opening.removeprefix('a ')}"
    if kind != "photo":
        return f"{opening} a {identity.species}"
    say_color, say_pattern = chance(0.5), chance(0.4)
    looks = _looks(identity, say_color if color is None else color, say_pattern if pattern is None else pattern)
    who = _who(identity, looks, _told(identity, details, rng))
    if chance(0.08):
        return f"{opening} {who}"
    return f"{opening} {who}, {scene.name}" if chance(0.35) else f"{opening} {who} {place(scene)}"


def place(scene: Scene) -> str:
    """Where a subject in the scene is, such as "on snow"."""
    return _PLACES[scene.name]


def subject(identity: Identity, color: bool, pattern: bool) -> str:
    """Who is shown, such as "a striped blue cat", with the main colour and the pattern if they are to be named."""
    return _who(identity, _looks(identity, color, pattern), ())


def pick(found: Sequence[Trait], count: int, rng: np.random.Generator) -> list[Trait]:
    """Up to ``count`` of the traits by chance, in their own order."""
    return [found[index] for index in sorted(rng.permutation(len(found))[:count])]


def _looks(identity: Identity, color: bool, pattern: bool) -> list[str]:
    return ([identity.pattern] if pattern else []) + ([color_name(identity.main)] if color else [])


def _told(identity: Identity, details: bool | None, rng: np.random.Generator | None) -> list[Trait]:
    """Which traits are told. Without details nothing is drawn from the generator, so that those captions stay."""
    found = traits(identity)
    if not found or details is not None or rng is None:
        return list(found) if details else []
    return pick(found, int(rng.integers(4)), rng)


def _who(identity: Identity, looks: Sequence[str], told: Iterable[Trait]) -> str:
    """The subject with its looks, what it has and what it wears: the top last, since what is on it follows it."""
    phrases = {role: [trait.plain for trait in told if trait.role == role] for role in (HAS, WEARS, ON_TOP)}
    having = f" with {listed(phrases[HAS])}" if phrases[HAS] else ""
    if identity.species != "person":
        return with_article([*looks, identity.species]) + having
    worn = phrases[WEARS]
    if looks or phrases[ON_TOP]:
        on_it = f" with {listed(phrases[ON_TOP])}" if phrases[ON_TOP] else ""
        worn = [*worn, with_article([*looks, "top"]) + on_it]
    return f"a person{having} in {listed(worn)}" if worn else f"a person{having}"


def words(text: str) -> list[str]:
    """Split a caption into words in lower case. Commas are words of their own."""
    return re.findall(r"[a-z]+(?:-[a-z]+)*|,", text.lower())


vocabulary: tuple[str, ...] = tuple(
    sorted(
        {
            word
            for text in (
                *SPECIES,
                *SCENES,
                *PATTERNS,
                *COLORS,
                *_PLACES.values(),
                *_KIND_PHRASES.values(),
                _QUALITY,
                "a an in top ,",
            )
            for word in words(text)
        }
    )
)

detail_vocabulary: tuple[str, ...] = tuple(sorted({word for text in WORDS for word in words(text)} - {*vocabulary}))
"""The words that captions of identities with details have beside `vocabulary`."""
