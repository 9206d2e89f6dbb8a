"""The whole benchmark in one call: from seeds and methods to scores, in a session whose identities are gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from seal_sdk.backbone.fingerprint import Fingerprints
from seal_sdk.evaluation.bench import run
from seal_sdk.evaluation.conflicts import recoloured
from seal_sdk.evaluation.joints import WEIGHTS as JOINTS
from seal_sdk.evaluation.methods import Method
from seal_sdk.evaluation.score import Score
from seal_sdk.evaluation.scorebook import ScoreBook
from seal_sdk.evaluation.segmenter import WEIGHTS as SEGMENTER
from seal_sdk.evaluation.summary import summarize
from seal_sdk.evaluation.triples import KINDS, Triple, triples
from seal_sdk.recipe import model_recipe
from seal_sdk.session import IdentitySession
from seal_sdk.subject.weight_files import file_digest


@dataclass(frozen=True)
class Setup:
    """With what all methods draw.

    boxes: of `bench.run`. model, subject: of the session. steps, guidance: None for the model's own.
    """

    boxes: str = "sam"
    model: str = "pocket"
    subject: str = "pocket"
    steps: int | None = None
    guidance: float | None = None


@dataclass(frozen=True)
class Results:
    """What was asked and how it scored: the plain questions, and those whose text names another colour, where asked."""

    triples: list[Triple]
    scores: list[Score]
    conflicts: list[Triple]
    conflict_scores: list[Score]

    def summary(self) -> dict[str, Any]:
        """`summarize` of the plain questions, and under "conflicts" of the others."""
        summary = summarize(self.scores)
        return summary | {"conflicts": summarize(self.conflict_scores)} if self.conflict_scores else summary


def measure_quality(
    seeds: Sequence[int],
    methods: Sequence[Method],
    *,
    kinds: Sequence[str] = KINDS[:3],
    conflict_methods: Sequence[Method] = (),
    setup: Setup = Setup(),
    scores: Path | None = None,
) -> Results:
    """Draw and score every method on the triples of the seeds; progress is shown on a terminal.

    conflict_methods: what also draws the same questions with another colour asked for (`conflicts.recoloured`).
    scores: a file that keeps each score as it comes; what it holds already is not drawn again. Raises ConfigError for
    unknown kinds and for a file of another setup.
    """
    asked = list(triples(seeds, tuple(kinds)))
    recolored = list(recoloured(asked)) if conflict_methods else []
    total = len(asked) * len(methods) + len(recolored) * len(conflict_methods)
    with _session(setup) as session, tqdm(total=total, unit="picture", disable=None) as bar:
        book = ScoreBook(scores, _facts(setup, session)) if scores else None
        sampling = {"num_inference_steps": setup.steps, "guidance_scale": setup.guidance}

        def answers(questions: list[Triple], chosen: Sequence[Method]) -> list[Score]:
            return run(
                session,
                questions,
                chosen,
                boxes=setup.boxes,
                sampling=sampling,
                book=book,
                on_score=lambda triple, score: bar.update(),
            )

        return Results(asked, answers(asked, methods), recolored, answers(recolored, conflict_methods))


def _facts(setup: Setup, session: IdentitySession) -> dict[str, Any]:
    """All that a score depends on beside question and method: a model trained further is another one, and so is a
    network that measures."""
    networks = {path.stem: file_digest(path) for path in (SEGMENTER, JOINTS)}
    return asdict(setup) | {"weights": model_recipe(session.pipe, Fingerprints()), "networks": networks}


@contextmanager
def _session(setup: Setup) -> Iterator[IdentitySession]:
    with (
        tempfile.TemporaryDirectory(prefix="seal-evaluation-") as store,
        IdentitySession(setup.model, store=store, subject=setup.subject, enable_progress_bar=False) as session,
    ):
        yield session
