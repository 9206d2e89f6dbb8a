"""Text that asks for something else than the reference shows: exactly that should change, and nothing else. Ours.

Every plain question already asks for another scene; a "color" question also names another colour for the coat. The
world knows how the same subject looks with that change alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from seal_sdk.evaluation.metrics import Metric, main_parts, part_color_error, scene_error
from seal_sdk.evaluation.triples import Triple
from seal_sdk.pocket import world

COLOR = "color"  # the question's name
FOLLOWED = 0.5  # share of the way to what was asked for from which the text counts as followed
UNASKED = 32.0  # RGB levels, an eighth of the range: what may have changed besides, as colours are never met exactly
_VISIBLE = 8.0  # RGB levels by which a part's colour has to differ to be part of the change

COLOR_CHANGE = Metric("color_change", "colour change", lower_is_better=False, ratio=False)
COLOR_REST = Metric("color_rest", "else changed")
COLOR_SUCCESS = Metric("color_success", "colour success", lower_is_better=False, ratio=False)
SCENE_SUCCESS = Metric("scene_success", "scene success", lower_is_better=False, ratio=False)


def recoloured(triples: Iterable[Triple]) -> Iterator[Triple]:
    """The same questions with a prompt that names another coat colour than the reference's, whose own prompt names its.

    The truth is the subject with that colour and all else as it was.
    """
    for triple in triples:
        before = triple.identity
        identity = replace(before, main=_another_color(triple.seed, before))
        first = world.sample(triple.seed)
        size = len(triple.truth.mask)
        yield replace(
            triple,
            identity=identity,
            reference_prompt=world.caption(before, first.pose, first.scene, color=True),
            truth=world.render(identity, triple.pose, triple.scene, size=size),
            prompt=world.caption(identity, triple.pose, triple.scene, color=True),
            question=COLOR,
        )


def _another_color(seed: int, identity: world.Identity) -> tuple[float, float, float]:
    """A colour of another name than all of the identity's."""
    rng = np.random.default_rng((seed, 3))
    taken = {world.color_name(color) for color in (identity.main, identity.second, identity.accent)}
    while True:
        color = world.sample_identity(rng, identity.species).main
        if world.color_name(color) not in taken:
            return color


def color_scores(image: np.ndarray, truth: world.Rendering, before: world.Rendering) -> dict[str, float]:
    """How a picture answers a "color" question.

    before: the truth without the change. Each main part's mean colour goes some way from its old colour to its new one:
    color_change is the mean share of that way over the parts that should change (0: as the reference, 1: as asked);
    color_rest the mean distance, in RGB levels per channel, of all parts from those ways, so what changed that should
    not have; color_success 1.0 where the change is at least `FOLLOWED` and the rest at most `UNASKED`.
    """
    parts = main_parts(truth.parts)
    old, new, drawn = (_means(picture, parts) for picture in (before.image, truth.image, image))
    way = new - old
    changing = np.abs(way).mean(axis=1) >= _VISIBLE
    shares = ((drawn - old) * way).sum(axis=1) / np.maximum((way**2).sum(axis=1), 1e-9)
    on_the_way = np.clip(shares, 0.0, 1.0)
    change = float(shares[changing].mean()) if changing.any() else 0.0
    rest = float(np.abs(drawn - old - on_the_way[:, None] * way).mean())
    success = float(change >= FOLLOWED and rest <= UNASKED)
    return {COLOR_CHANGE.name: change, COLOR_REST.name: rest, COLOR_SUCCESS.name: success}


def scene_success(image: np.ndarray, truth: world.Rendering, shown: world.Rendering) -> float:
    """1.0 where the scene is nearer to the prompted one than to the reference's, and the subject kept its colours.

    shown: the truth in front of the reference's scene. Kept: the parts' mean colours are within `UNASKED` of the truth.
    """
    error, other = (scene_error(image, each.image, truth.mask) for each in (truth, shown))
    return float(error < other and part_color_error(image, truth.image, truth.parts) <= UNASKED)


def _means(picture: np.ndarray, parts: list[np.ndarray]) -> np.ndarray:
    """(parts, 3): each part's mean colour."""
    return np.stack([picture[part].astype(np.float64).mean(axis=0) for part in parts])
