"""Runs the demo: registers the subjects, generates and writes the images, and reports cache hits and timings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PIL import Image

from seal_sdk.callbacks import Callback
from seal_sdk.config import Appearance, DeltaBridge
from seal_sdk.demo.sheet import Row, contact_sheet
from seal_sdk.evaluation.questions.triples import Triple, triple
from seal_sdk.generation.packing import EXACT, ImagesPerForward
from seal_sdk.identity import Identity
from seal_sdk.result import Generation
from seal_sdk.session import IdentitySession

SUBJECTS = {"demo-horse": 500_081, "demo-person": 500_031}  # seeds of the world that were not used for training
KINDS = ("mesh", "depth", "pose", "canny")
COLUMNS = ("reference", "structure", "plain prompt", "with identity", "ground truth")
Result = TypeVar("Result")


@dataclass(frozen=True)
class SubjectReport:
    """What was measured for one subject.

    Attributes:
        name: Name of the identity.
        prompt: Prompt of the reference.
        hit: Whether the store already had it.
        timesteps: Number of stored timesteps.
        nbytes: Bytes in the store.
        register_seconds: Time to register.
        plain_seconds: Time to generate the images from text alone.
        identity_seconds: Time to generate them with the identity.
        images: Number of images.
        timings: Seconds by phase, part of ``identity_seconds``.
        coverage: Share of tokens that were infused, 0 to 1.
        unet_rows: Rows that the UNet computed.
    """

    name: str
    prompt: str
    hit: bool
    timesteps: int
    nbytes: int
    register_seconds: float
    plain_seconds: float
    identity_seconds: float
    images: int
    timings: dict[str, float]
    coverage: float
    unet_rows: int


@dataclass(frozen=True)
class DemoReport:
    """Paths and times of a run. ``seconds`` includes loading the model."""

    sheet: Path
    store: Path
    subjects: tuple[SubjectReport, ...]
    load_seconds: float
    seconds: float


class _Hits(Callback):
    """Collects the names of registrations that were already in the store."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def on_register_end(self, session: IdentitySession, identity: Identity, hit: bool) -> None:
        """Add the name of a hit."""
        if hit:
            self.names.add(identity.name)


def run_demo(
    out: Path,
    store: str | Path,
    *,
    seed: int = 1,
    steps: int | None = None,
    images_per_forward: ImagesPerForward = EXACT,
    tell: Callable[[str], None] = print,
) -> DemoReport:
    """Run the demo.

    Args:
        out: Folder for the images and ``contact-sheet.png``. It is created if needed.
        store: Folder or URL of the identities.
        seed: Seed of the first image.
        steps: Denoising steps; None for the model's default.
        images_per_forward: How many of a subject's images the model computes at once.
        tell: Called with a line of text per phase.
    """
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    hits = _Hits()
    reports: list[SubjectReport] = []
    rows: list[Row] = []
    with IdentitySession("pocket", store=store, callbacks=[hits], images_per_forward=images_per_forward) as session:
        loaded = time.perf_counter() - started
        tell(f"The embedded model is loaded ({loaded:.1f} s). Identities live in {session.store.root}.")
        for name, subject in SUBJECTS.items():
            cases = [triple(subject, kind, draw) for draw, kind in enumerate(KINDS, start=1)]
            identity, registering = _timed(_register, session, name, cases[0])
            how = "was in the store" if name in hits.names else "is registered"
            tell(f"{name}, {cases[0].reference_prompt!r}, {how} ({registering:.1f} s). Drawing {len(cases)} images ...")
            seeds = [seed + number for number in range(len(cases))]
            plain, plain_seconds = _timed(_draw_plain, session, cases, seeds, steps)
            with_identity, identity_seconds = _timed(_draw, session, cases, seeds, steps)
            rows += _write(out, name, cases, plain, with_identity)
            seconds = {"register": registering, "plain": plain_seconds, "identity": identity_seconds}
            reports.append(_report(identity, name in hits.names, with_identity, seconds))
    sheet = out / "contact-sheet.png"
    contact_sheet(COLUMNS, rows).save(sheet)
    return DemoReport(sheet, session.store.root, tuple(reports), loaded, time.perf_counter() - started)


def _timed(action: Callable[..., Result], *args: object) -> tuple[Result, float]:
    started = time.perf_counter()
    return action(*args), time.perf_counter() - started


def _register(session: IdentitySession, name: str, case: Triple) -> Identity:
    return session.register(Image.fromarray(case.reference.image), prompt=case.reference_prompt, name=name)


def _draw_plain(session: IdentitySession, cases: Sequence[Triple], seeds: list[int], steps: int | None) -> Generation:
    """The same prompts and seeds without the method: bit for bit what plain diffusers generates."""
    return session.generate(
        None,
        [case.prompt for case in cases],
        seed=seeds,
        num_inference_steps=steps,
        appearance=Appearance(delta=0),
        delta_bridge=DeltaBridge(strength=0),
    )


def _draw(session: IdentitySession, cases: Sequence[Triple], seeds: list[int], steps: int | None) -> Generation:
    return session.generate(
        [Image.fromarray(case.structure.image) for case in cases],
        [case.prompt for case in cases],
        structure_prompt=[case.structure_prompt for case in cases],
        seed=seeds,
        num_inference_steps=steps,
    )


def _write(
    out: Path, name: str, cases: Sequence[Triple], plain: Generation, with_identity: Generation
) -> Iterator[Row]:
    """Save every image, and yield the row of each case on the contact sheet."""
    for number, case in enumerate(cases):
        pictures = (
            Image.fromarray(case.reference.image),
            Image.fromarray(case.structure.image),
            plain.images[number],
            with_identity.images[number],
            Image.fromarray(case.truth.image),
        )
        for column, picture in zip(COLUMNS, pictures, strict=True):
            picture.save(out / f"{name}-{case.kind}-{column.replace(' ', '-')}.png")
        yield f"{case.kind}: {case.prompt}", pictures


def _report(identity: Identity, hit: bool, generation: Generation, seconds: dict[str, float]) -> SubjectReport:
    return SubjectReport(
        name=identity.name,
        prompt=identity.prompt,
        hit=hit,
        timesteps=len(identity.timesteps),
        nbytes=identity.nbytes,
        register_seconds=seconds["register"],
        plain_seconds=seconds["plain"],
        identity_seconds=seconds["identity"],
        images=len(generation),
        timings=dict(generation.timings),
        coverage=sum(generation.coverage) / len(generation),
        unet_rows=generation.unet_rows,
    )
