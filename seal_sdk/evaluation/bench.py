"""Draws every triple with every method, in one session, and scores the pictures against the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seal_sdk.errors import ConfigError, SubjectNotFound
from seal_sdk.evaluation.methods import Method
from seal_sdk.evaluation.metrics import scores
from seal_sdk.evaluation.segmenter import load_segmenter, subject_mask
from seal_sdk.evaluation.triples import Triple
from seal_sdk.identity import Identity
from seal_sdk.pocket import world
from seal_sdk.session import IdentitySession

BOXES = ("sam", "true")


@dataclass(frozen=True, eq=False)
class Score:
    """One picture and how it scored: image uint8 (H, W, 3), values by metric name.

    told: whether the session found no subject and had to be told where it is.
    """

    seed: int
    kind: str
    method: str
    image: np.ndarray
    values: dict[str, float]
    told: bool = False


def run(
    session: IdentitySession,
    triples: Iterable[Triple],
    methods: Sequence[Method],
    *,
    boxes: str = "sam",
    sampling: Mapping[str, Any] | None = None,
    on_score: Callable[[Triple, Score], None] = lambda triple, score: None,
) -> list[Score]:
    """Score methods on triples (of `triples.triples`, seed by seed). Every method starts from the same noise, seeded by
    the triple's seed.

    boxes: "sam" leaves it to the session to find the subjects, as the product does, while the truth stands where their
    true boxes put it, so that a subject found badly counts against the method; "true" tells the session where they are.
    Where the session finds no subject at all and asks to be told, it is, and the score says so.
    sampling: arguments of ``session.generate`` for all methods that do not set them themselves.
    """
    if boxes not in BOXES:
        raise ConfigError(f"boxes={boxes!r}: expected one of {', '.join(BOXES)}.")
    segmenter = load_segmenter()
    painter = _Painter(session, boxes == "true", sampling or {})
    results = []
    for triple in triples:
        for method in methods:
            image, told = painter.draw(triple, method)
            score = Score(
                triple.seed,
                triple.kind,
                method.name,
                image,
                scores(image, triple.truth, subject_mask(segmenter, image)),
                told,
            )
            results.append(score)
            on_score(triple, score)
    return results


class _Painter:
    """Draws triples; what the kinds of a seed have in common is made once."""

    def __init__(self, session: IdentitySession, told: bool, sampling: Mapping[str, Any]) -> None:
        self._session, self._told, self._sampling = session, told, sampling
        self._seed: int | None = None
        self._kept: dict[Any, Any] = {}

    def draw(self, triple: Triple, method: Method) -> tuple[np.ndarray, bool]:
        """The picture, uint8, and whether the session had to be told where a subject is."""
        if triple.seed != self._seed:
            self._seed, self._kept = triple.seed, {}
        if method.exact:
            return self._once(method.name, lambda: (render_exact(triple), False))
        if method.uses_structure:
            return self._generate(triple, method)
        return self._once(method.name, lambda: self._generate(triple, method))

    def _generate(self, triple: Triple, method: Method) -> tuple[np.ndarray, bool]:
        identity, told = self._register(triple, method)
        height, width = triple.truth.mask.shape

        def generate(mask: np.ndarray | None) -> np.ndarray:
            generation = self._session.generate(
                triple.structure.image if method.uses_structure else None,
                triple.prompt,
                identity=identity,
                structure_prompt=triple.structure_prompt if method.uses_structure else None,
                structure_mask=mask,
                seed=triple.seed,
                height=height,
                width=width,
                alignment=method.alignment,
                appearance=method.appearance,
                delta_bridge=method.delta_bridge,
                structure_control=method.structure,
                **{**self._sampling, **method.sampling},
            )
            return np.asarray(generation.image.convert("RGB"))

        image, asked = self._telling(generate, triple.structure.mask if method.uses_structure else None)
        return image, told or asked

    def _register(self, triple: Triple, method: Method) -> tuple[Identity, bool]:
        def register(mask: np.ndarray | None) -> Identity:
            return self._session.register(
                triple.reference.image,
                prompt=triple.reference_prompt,
                name=f"seed-{triple.seed}",
                mask=mask,
                timesteps=method.timesteps,
                appearance=method.appearance,
            )

        stored = ("layers", "latents", "tokens", "quantization")
        captured = (*(getattr(method.appearance, name) for name in stored), str(method.timesteps))
        return self._once(captured, lambda: self._telling(register, triple.reference.mask))

    def _telling(self, call: Callable[[np.ndarray | None], Any], mask: np.ndarray | None) -> tuple[Any, bool]:
        """What the call returns when told the subject's mask: from the start, or once it asks for it."""
        if self._told:
            return call(mask), False
        try:
            return call(None), False
        except SubjectNotFound:
            return call(mask), True

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


def render_exact(triple: Triple) -> np.ndarray:
    """The truth on another draw of its scene: as good as a method can be, since words leave a scene's details open."""
    scene = world.sample_scene(np.random.default_rng((triple.seed, 2)), triple.scene.name)
    return world.render(triple.identity, triple.pose, scene, size=len(triple.truth.mask)).image
