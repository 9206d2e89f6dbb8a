"""Generates every triple with every method in one session, and scores the images against the ground truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.baselines import Drawer
from seal_sdk.evaluation.methods import Method
from seal_sdk.evaluation.metrics.measures import measure
from seal_sdk.evaluation.networks.seeing import Networks
from seal_sdk.evaluation.painter import Drawing, Painter
from seal_sdk.evaluation.questions.triples import Triple
from seal_sdk.evaluation.score import Score
from seal_sdk.evaluation.scorebook import ScoreBook
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
    on_score: Callable[[Triple, Score], object] = lambda triple, score: None,
    drawers: MutableMapping[str, Drawer] | None = None,
) -> list[Score]:
    """Score methods on triples. Every method starts from the same noise, seeded by the triple's seed.

    Args:
        session: Generates the images.
        triples: The questions, seed by seed, as `questions.triples.triples` yields them.
        methods: What is compared.
        boxes: "sam": the session segments the subjects, as in production. The ground truth stands where the true boxes
            put it, so a bad segmentation counts against the method. If the session finds no subject, it is given the
            true mask and the score says so. "true": the session is always given the true masks.
        sampling: Arguments of ``session.generate`` for all methods that do not set them themselves.
        book: Scores that are not computed again, and the place of new ones.
        on_score: Called with each score.
        drawers: As of `Painter`.

    Raises:
        ConfigError: If ``boxes`` is unknown, or a baseline cannot be opened.
    """
    if boxes not in BOXES:
        raise ConfigError(f"boxes={boxes!r}: expected one of {', '.join(BOXES)}.")
    networks = Networks.load()
    masks_given = boxes == "true"
    painter = Painter(session, sampling or {}, drawers)
    painter.open(methods)
    results = []
    for triple in triples:
        for method in methods:
            facts = painter.facts(method) if book else {}
            score = book.find(triple, method, facts) if book else None
            if score is None:
                score = _score(triple, method, networks, *draw(painter, triple, method, masks_given))
                if book:
                    book.add(triple, method, score, facts)
            results.append(score)
            on_score(triple, score)
    return results


def _score(triple: Triple, method: Method, networks: Networks, image: np.ndarray, told: bool) -> Score:
    aligned = method.alignment.enabled
    seen = networks.see(image, triple.identity.species, triple.truth_where(aligned).mask)
    values = measure(image, triple, seen, aligned=aligned)
    return Score(triple.seed, triple.kind, method.name, image, values, told)


def draw(painter: Painter, triple: Triple, method: Method, masks_given: bool) -> tuple[np.ndarray, bool]:
    """A triple's picture by a method, uint8 (H, W, 3), and whether the session had to be given a mask."""
    return (render_exact(triple), False) if method.exact else painter.draw(drawing_of(triple, masks_given), method)


def drawing_of(triple: Triple, masks_given: bool) -> Drawing:
    """What a triple asks a painter for."""
    height, width = triple.truth.mask.shape
    return Drawing(
        name=f"seed-{triple.seed}",
        reference=triple.reference.image,
        reference_prompt=triple.reference_prompt,
        structure=triple.structure.image,
        structure_prompt=triple.structure_prompt,
        prompt=triple.prompt,
        negative_prompt=triple.negative_prompt,
        seed=triple.seed,
        size=(height, width),
        reference_mask=triple.reference.mask,
        structure_mask=triple.structure.mask,
        masks_given=masks_given,
    )


def render_exact(triple: Triple) -> np.ndarray:
    """The ground truth on another sample of its scene, uint8 (H, W, 3).

    No method can be better, because a prompt leaves the details of a scene open.
    """
    scene = world.sample_scene(np.random.default_rng((triple.seed, 2)), triple.scene.name)
    return world.render(triple.identity, triple.pose, scene, size=len(triple.truth.mask)).image
