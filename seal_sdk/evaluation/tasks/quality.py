"""The exact benchmark in one call: from seeds and methods to scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from seal_sdk.evaluation.baselines import Drawer
from seal_sdk.evaluation.methods import Method
from seal_sdk.evaluation.networks.joints import WEIGHTS as JOINTS
from seal_sdk.evaluation.networks.patterns import WEIGHTS as PATTERNS
from seal_sdk.evaluation.networks.segmenter import WEIGHTS as SEGMENTER
from seal_sdk.evaluation.questions.conflicts import conflicting
from seal_sdk.evaluation.questions.triples import COLOR, KINDS, PLAIN, SHORT, Triple, check_kinds, triples
from seal_sdk.evaluation.questions.wordings import reworded
from seal_sdk.evaluation.schedulers import scheduler_like
from seal_sdk.evaluation.score import Score
from seal_sdk.evaluation.scorebook import ScoreBook
from seal_sdk.evaluation.session import benchmark_session
from seal_sdk.evaluation.statistics import Summary, summarize
from seal_sdk.evaluation.tasks.scoring import run
from seal_sdk.segmentation.weight_files import file_digest
from seal_sdk.session import IdentitySession


@dataclass(frozen=True)
class Setup:
    """Settings that all methods share.

    Attributes:
        boxes: As of `scoring.run`.
        model: The model that the session opens.
        subject: The session's subject segmenter.
        steps: Sampling steps; None for the model's default.
        guidance: Guidance scale; None for the model's default.
        size: Pixels a side of all images, references among them; None for the side that the model was trained for.
        scheduler: One of `schedulers.SCHEDULERS`; None for the model's own.
    """

    boxes: str = "sam"
    model: str = "pocket"
    subject: str = "pocket"
    steps: int | None = None
    guidance: float | None = None
    size: int | None = None
    scheduler: str | None = None


@dataclass(frozen=True)
class Answers:
    """Questions of one kind, and the scores of what was drawn for them."""

    triples: list[Triple]
    scores: list[Score]


@dataclass(frozen=True)
class Results:
    """The plain questions, and those of each kind of conflict that was asked for, with their scores.

    Attributes:
        plain: The plain questions.
        conflicts: Kind of conflict -> its questions, in the order in which they were asked for.
    """

    plain: Answers
    conflicts: Mapping[str, Answers] = field(default_factory=dict)

    def kinds(self) -> dict[str, Answers]:
        """All of them by the kind of question, the plain ones first."""
        return {PLAIN: self.plain, **self.conflicts}

    def summary(self) -> Summary:
        """`summarize` of the plain questions. "conflict_kinds" holds that of each conflict, "conflicts" that of the first."""
        summary = summarize(self.plain.scores)
        if self.conflicts:
            summary["conflict_kinds"] = {kind: summarize(each.scores) for kind, each in self.conflicts.items()}
            summary["conflicts"] = next(iter(summary["conflict_kinds"].values()))
        return summary


def measure_quality(
    seeds: Sequence[int],
    methods: Sequence[Method],
    *,
    kinds: Sequence[str] = KINDS[:3],
    conflict_methods: Sequence[Method] = (),
    conflicts: Sequence[str] = (COLOR,),
    setup: Setup = Setup(),
    scores: Path | None = None,
) -> Results:
    """`measure_wordings` with the plain prompts alone."""
    measured = measure_wordings(
        seeds,
        methods,
        (SHORT,),
        kinds=kinds,
        conflict_methods=conflict_methods,
        conflicts=conflicts,
        setup=setup,
        scores=scores,
    )
    return measured[SHORT]


def measure_wordings(
    seeds: Sequence[int],
    methods: Sequence[Method],
    wordings: Sequence[str],
    *,
    kinds: Sequence[str] = KINDS[:3],
    conflict_methods: Sequence[Method] = (),
    conflicts: Sequence[str] = (COLOR,),
    setup: Setup = Setup(),
    scores: Path | None = None,
) -> dict[str, Results]:
    """Score every method on the triples of some seeds, in each wording. Shows progress on a terminal.

    Args:
        seeds: Seeds of the world.
        methods: What is compared.
        wordings: Some of `wordings.WORDINGS`; the results are by their names.
        kinds: Kinds of structure images.
        conflict_methods: Methods that also answer the questions with a conflict.
        conflicts: Their kinds of conflict, some of `conflicts.CONFLICTS`.
        setup: Settings that all methods share.
        scores: A file that keeps each score as it is computed. What it already holds is not computed again.

    Raises:
        ConfigError: If a kind is unknown, or the file belongs to another setup.
        SizeError: If the model cannot draw the size.
    """
    check_kinds(kinds)
    with open_session(setup) as session:
        side, _ = session.backbone.geometry.check_size(setup.size, setup.size)
        plain = list(triples(seeds, tuple(kinds), side))
        asked = {kind: list(conflicting(plain, kind)) for kind in conflicts} if conflict_methods else {}
        total = len(plain) * (len(methods) + len(asked) * len(conflict_methods)) * len(wordings)
        book = ScoreBook(scores, _facts(setup, session)) if scores else None
        sampling = {"num_inference_steps": setup.steps, "guidance_scale": setup.guidance}
        drawers: dict[str, Drawer] = {}  # what they learn of a subject serves all kinds of question
        with tqdm(total=total, unit="picture", disable=None) as bar:

            def answers(questions: list[Triple], wording: str, chosen: Sequence[Method]) -> Answers:
                worded = list(reworded(questions, wording))
                drawn = run(
                    session,
                    worded,
                    chosen,
                    boxes=setup.boxes,
                    sampling=sampling,
                    book=book,
                    on_score=lambda triple, score: bar.update(),
                    drawers=drawers,
                )
                return Answers(worded, drawn)

            def results(wording: str) -> Results:
                return Results(
                    answers(plain, wording, methods),
                    {kind: answers(each, wording, conflict_methods) for kind, each in asked.items()},
                )

            return {wording: results(wording) for wording in wordings}


@contextmanager
def open_session(setup: Setup) -> Iterator[IdentitySession]:
    """A session as a setup asks for it, on an empty store, which is gone afterwards."""
    with benchmark_session(setup.model, setup.subject) as session:
        if setup.scheduler is not None:
            session.pipe.scheduler = scheduler_like(session.pipe.scheduler, setup.scheduler)
        yield session


def _facts(setup: Setup, session: IdentitySession) -> dict[str, Any]:
    """Everything that a score depends on besides question and method, by content: settings, weights, networks."""
    networks = {path.stem: file_digest(path) for path in (SEGMENTER, JOINTS, PATTERNS)}
    return asdict(setup) | {"weights": session.backbone.fingerprint(), "networks": networks}
