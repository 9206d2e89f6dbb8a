"""Draws every triple with every method, in one session, and scores the pictures against the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.joints import JointFinder, find_joints, load_joint_finder
from seal_sdk.evaluation.measures import measure
from seal_sdk.evaluation.methods import Method
from seal_sdk.evaluation.painter import Ask, Painter
from seal_sdk.evaluation.score import Score
from seal_sdk.evaluation.scorebook import ScoreBook
from seal_sdk.evaluation.segmenter import Segmenter, load_segmenter, subject_mask
from seal_sdk.evaluation.triples import Triple
from seal_sdk.pocket import world
from seal_sdk.session import IdentitySession

BOXES = ("sam", "true")


def run(
    session: IdentitySession,
    triples: Iterable[Triple],
    methods: Sequence[Method],
    *,
    boxes: str = "sam",
    sampling: Mapping[str, Any] | None = None,
    book: ScoreBook | None = None,
    on_score: Callable[[Triple, Score], None] = lambda triple, score: None,
) -> list[Score]:
    """Score methods on triples (of `triples.triples`, seed by seed). Every method starts from the same noise, seeded by
    the triple's seed.

    boxes: "sam" leaves it to the session to find the subjects, as the product does, while the truth stands where their
    true boxes put it, so that a subject found badly counts against the method; "true" tells the session where they are.
    Where the session finds no subject at all and asks to be told, it is, and the score says so.
    sampling: arguments of ``session.generate`` for all methods that do not set them themselves.
    book: scores that need not be drawn again, and where new ones go.
    """
    if boxes not in BOXES:
        raise ConfigError(f"boxes={boxes!r}: expected one of {', '.join(BOXES)}.")
    networks = load_segmenter(), load_joint_finder()
    told = boxes == "true"
    painter = Painter(session, sampling or {})
    results = []
    for triple in triples:
        for method in methods:
            score = book.find(triple, method) if book else None
            if score is None:
                score = _score(triple, method, *networks, *_draw(painter, triple, method, told))
                if book:
                    book.add(triple, method, score)
            results.append(score)
            on_score(triple, score)
    return results


def _score(
    triple: Triple, method: Method, segmenter: Segmenter, finder: JointFinder, image: np.ndarray, told: bool
) -> Score:
    mask, joints = subject_mask(segmenter, image), find_joints(finder, image, triple.identity.species)
    values = measure(image, triple, mask, joints.points, aligned=method.alignment.enabled)
    return Score(triple.seed, triple.kind, method.name, image, values, told)


def _draw(painter: Painter, triple: Triple, method: Method, told: bool) -> tuple[np.ndarray, bool]:
    return (render_exact(triple), False) if method.exact else painter.draw(_ask(triple, told), method)


def _ask(triple: Triple, told: bool) -> Ask:
    height, width = triple.truth.mask.shape
    return Ask(
        name=f"seed-{triple.seed}",
        reference=triple.reference.image,
        reference_prompt=triple.reference_prompt,
        structure=triple.structure.image,
        structure_prompt=triple.structure_prompt,
        prompt=triple.prompt,
        seed=triple.seed,
        size=(height, width),
        reference_mask=triple.reference.mask,
        structure_mask=triple.structure.mask,
        told=told,
    )


def render_exact(triple: Triple) -> np.ndarray:
    """The truth on another draw of its scene: as good as a method can be, since words leave a scene's details open."""
    scene = world.sample_scene(np.random.default_rng((triple.seed, 2)), triple.scene.name)
    return world.render(triple.identity, triple.pose, scene, size=len(triple.truth.mask)).image
