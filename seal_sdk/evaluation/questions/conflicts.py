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
Look = Callable[[int, world.Identity], world.Identity]  # of a seed and an identity: how it looks otherwise


@dataclass(frozen=True)
class Conflict:
    """A kind of conflict.

    Attributes:
        title: What is asked for, as a heading.
        wanted: Makes the identity of the ground truth of a seed and the identity that the reference shows.
        prompt: What the prompt names of the wanted identity: `COLOR`, `PATTERN`, both or neither.
        reference_prompt: What the reference's prompt names of the identity that the reference shows.
        shown: Makes the identity that the reference shows of a seed and the identity of the plain question.
        removed: Whether the negative prompt names the reference's pattern.
        people: Whether every subject is a person. Where the plain question has another, the seed gives one.
    """

    title: str
    wanted: Look
    prompt: tuple[str, ...]
    reference_prompt: tuple[str, ...]
    shown: Look = lambda seed, identity: identity
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
    shown = replace(plain, identity=conflict.shown(seed, plain.identity))
    wanted = conflict.wanted(seed, shown.identity)
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


def _same(seed: int, identity: world.Identity) -> world.Identity:
    return identity


def _patterned(seed: int, identity: world.Identity) -> world.Identity:
    """The identity with a pattern. A plain coat gets one: it does not show the second colour that a pattern needs."""
    if identity.pattern != PLAIN_COAT:
        return identity
    return replace(identity, pattern=_draw_pattern((seed, 13), without=(PLAIN_COAT,)))


def _another_pattern(seed: int, identity: world.Identity) -> world.Identity:
    return replace(identity, pattern=_draw_pattern((seed, 17), without=(identity.pattern,)))


def _another_color_and_pattern(seed: int, identity: world.Identity) -> world.Identity:
    """Both patterns are ones that show both colours, so that the coat is neither plain before nor after."""
    pattern = _draw_pattern((seed, 17), without=(identity.pattern, PLAIN_COAT))
    return replace(another_color(seed, identity), pattern=pattern)


def _without_pattern(seed: int, identity: world.Identity) -> world.Identity:
    return replace(identity, pattern=PLAIN_COAT)


def _draw_pattern(stream: tuple[int, int], without: Sequence[str]) -> str:
    return str(np.random.default_rng(stream).choice([each for each in world.PATTERNS if each not in without]))


CONFLICTS: Mapping[str, Conflict] = MappingProxyType(
    {
        COLOR: Conflict("another colour", another_color, (COLOR,), (COLOR,)),
        PATTERN: Conflict("another pattern", _another_pattern, (PATTERN,), (PATTERN,), _patterned),
        PART: Conflict("another top", another_color, (COLOR,), (COLOR,), people=True),
        TWO: Conflict(
            "another colour and pattern", _another_color_and_pattern, (COLOR, PATTERN), (COLOR, PATTERN), _patterned
        ),
        AGREE: Conflict("its own colour", _same, (COLOR,), ()),
        REMOVAL: Conflict("no pattern", _without_pattern, (), (PATTERN,), _patterned, removed=True),
    }
)
"""Name -> kind of conflict."""
