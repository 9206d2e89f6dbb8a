"""Questions whose prompt says of the subject what its reference does not: only that may change. Ours.

Every plain question already names another scene. The world renders how the same subject looks as the prompt says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from types import MappingProxyType
from typing import Any

import numpy as np

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.questions.coats import shows_pattern
from seal_sdk.evaluation.questions.triples import (
    AGREE,
    COLOR,
    PART,
    PATTERN,
    REMOVAL,
    TWO,
    Triple,
    triples_about,
)
from seal_sdk.pocket import world

PLAIN_COAT = "plain"  # the pattern of a coat without any
Look = Callable[[Triple, world.Identity], world.Identity]  # of a question and an identity: how it looks otherwise


@dataclass(frozen=True)
class Conflict:
    """A kind of conflict.

    Attributes:
        title: What is asked for, as a heading.
        wanted: Takes the plain question and the identity that the reference shows; makes that of the ground truth.
        prompt: What the prompt names of the wanted identity: `COLOR`, `PATTERN`, both or neither.
        reference_prompt: What the reference's prompt names of the identity that the reference shows.
        shown: Takes the plain question and its identity; makes the one that the reference shows.
        removed: Whether the negative prompt names the reference's pattern.
        people: Whether every subject is a person. Where the plain question has another, the seed gives one.
    """

    title: str
    wanted: Look
    prompt: tuple[str, ...]
    reference_prompt: tuple[str, ...]
    shown: Look = lambda triple, identity: identity
    removed: bool = False
    people: bool = False


def conflicting(triples: Iterable[Triple], kind: str) -> Iterator[Triple]:
    """The same questions with a conflict of that kind.

    Args:
        triples: Plain questions, seed by seed.
        kind: One of `CONFLICTS`.

    Raises:
        ConfigError: If the kind is unknown.
    """
    if kind not in CONFLICTS:
        raise ConfigError(f"conflict {kind!r}: there is no such kind; choose from {', '.join(CONFLICTS)}.")
    for _, of_seed in groupby(triples, key=lambda triple: triple.seed):
        yield from _of_seed(list(of_seed), kind)


def recoloured(triples: Iterable[Triple]) -> Iterator[Triple]:
    """The same questions with a prompt that names another main colour than the reference's.

    The reference prompt names the old colour. The ground truth is the subject in the new one, with all else unchanged.
    """
    return conflicting(triples, COLOR)


def another_color(seed: int, identity: world.Identity) -> world.Identity:
    """The identity with a main colour whose name is none of those of its colours."""
    rng = np.random.default_rng((seed, 3))
    taken = {world.color_name(color) for color in (identity.main, identity.second, identity.accent)}
    while True:
        color = world.sample_identity(rng, identity.species).main
        if world.color_name(color) not in taken:
            return replace(identity, main=color)


def _of_seed(asked: Sequence[Triple], kind: str) -> Iterator[Triple]:
    """The questions of one seed, which differ only in the structure image."""
    conflict, seed, size = CONFLICTS[kind], asked[0].seed, len(asked[0].truth.mask)
    if conflict.people and asked[0].identity.species != "person":
        asked = list(triples_about(_person(seed), seed, [each.kind for each in asked], size))
    first, plain = asked[0], asked[0].shown
    shown = replace(plain, identity=conflict.shown(first, plain.identity))
    wanted = conflict.wanted(first, shown.identity)
    repainted = shown.identity != plain.identity
    changes: dict[str, Any] = {
        "shown": shown,
        "identity": wanted,
        "reference": world.render(shown.identity, shown.pose, shown.scene, size=size) if repainted else first.reference,
        "reference_prompt": _caption(shown, conflict.reference_prompt),
        "truth": world.render(wanted, first.pose, first.scene, size=size),
        "prompt": _caption(world.Sample(wanted, first.pose, first.scene), conflict.prompt),
        "negative_prompt": shown.identity.pattern if conflict.removed else None,
        "question": kind,
    }
    for each in asked:
        yield replace(each, **changes)


def _caption(sample: world.Sample, names: Sequence[str]) -> str:
    return world.caption(sample.identity, sample.pose, sample.scene, color=COLOR in names, pattern=PATTERN in names)


def _person(seed: int) -> world.Sample:
    """The person of a seed."""
    rng = np.random.default_rng((seed, 5))
    identity = world.sample_identity(rng, "person")
    return world.Sample(identity, world.sample_pose(rng, identity.species), world.sample_scene(rng))


def _another_color(triple: Triple, identity: world.Identity) -> world.Identity:
    return another_color(triple.seed, identity)


def _same(triple: Triple, identity: world.Identity) -> world.Identity:
    return identity


def _patterned(triple: Triple, identity: world.Identity) -> world.Identity:
    """The identity with a pattern that both images show. A plain coat does not show the second colour either."""
    poses = triple.shown.pose, triple.pose
    if shows_pattern(identity, *poses):
        return identity
    patterns = [each for each in world.PATTERNS if each != PLAIN_COAT]
    return _first_that_shows(np.random.default_rng((triple.seed, 13)), identity, patterns, poses)


def _another_pattern(triple: Triple, identity: world.Identity) -> world.Identity:
    patterns = [each for each in world.PATTERNS if each != identity.pattern]
    return _first_that_shows(np.random.default_rng((triple.seed, 17)), identity, patterns, (triple.pose,))


def _another_color_and_pattern(triple: Triple, identity: world.Identity) -> world.Identity:
    """The coat is plain neither before nor after."""
    patterns = [each for each in world.PATTERNS if each not in (identity.pattern, PLAIN_COAT)]
    recolored = another_color(triple.seed, identity)
    return _first_that_shows(np.random.default_rng((triple.seed, 17)), recolored, patterns, (triple.pose,))


def _without_pattern(triple: Triple, identity: world.Identity) -> world.Identity:
    return replace(identity, pattern=PLAIN_COAT)


def _first_that_shows(
    rng: np.random.Generator, identity: world.Identity, patterns: Sequence[str], poses: Sequence[world.Pose]
) -> world.Identity:
    """The identity with one of these patterns, the first in a random order that is seen in all of the poses."""
    drawn = [replace(identity, pattern=str(each)) for each in rng.permutation(patterns)]
    shown = (each for each in drawn if each.pattern == PLAIN_COAT or shows_pattern(each, *poses))
    return next(shown, drawn[-1])  # stripes and spots hardly ever hide


CONFLICTS: Mapping[str, Conflict] = MappingProxyType(
    {
        COLOR: Conflict("another colour", _another_color, (COLOR,), (COLOR,)),
        PATTERN: Conflict("another pattern", _another_pattern, (PATTERN,), (PATTERN,), _patterned),
        PART: Conflict("another top", _another_color, (COLOR,), (COLOR,), people=True),
        TWO: Conflict(
            "another colour and pattern", _another_color_and_pattern, (COLOR, PATTERN), (COLOR, PATTERN), _patterned
        ),
        AGREE: Conflict("its own colour", _same, (COLOR,), ()),
        REMOVAL: Conflict("no pattern", _without_pattern, (), (PATTERN,), _patterned, removed=True),
    }
)
"""Name -> kind of conflict."""
