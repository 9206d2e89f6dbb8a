"""The demo's run: register, draw, write the pictures, and report what was cached, hit and timed."""

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
from seal_sdk.evaluation.triples import Triple, triple
from seal_sdk.generation import Generation
from seal_sdk.identity import Identity
from seal_sdk.session import IdentitySession

SUBJECTS = {"demo-horse": 500_081, "demo-person": 500_031}  # seeds of the world that training never saw
KINDS = ("mesh", "depth", "pose", "canny")
COLUMNS = ("reference", "structure", "plain prompt", "with identity", "ground truth")
Result = TypeVar("Result")


@dataclass(frozen=True)
class SubjectReport:
    """One subject of the demo: ``images`` images drawn in ``identity_seconds``, of which ``timings`` are some by phase."""

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
    """The whole run; ``seconds`` include loading the model."""

    sheet: Path
    store: Path
    subjects: tuple[SubjectReport, ...]
    load_seconds: float
    seconds: float


class _Hits(Callback):
    """Notes which registrations the store served."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def on_register_end(self, session: IdentitySession, identity: Identity, hit: bool) -> None:
        if hit:
            self.names.add(identity.name)


def run_demo(
    out: Path, store: Path, *, seed: int = 1, steps: int | None = None, tell: Callable[[str], None] = print
) -> DemoReport:
    """Write the images and ``contact-sheet.png`` into ``out``; ``tell`` is called with a line per phase."""
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    hits = _Hits()
    reports: list[SubjectReport] = []
    rows: list[Row] = []
    with IdentitySession("pocket", store=store, callbacks=[hits]) as session:
        loaded = time.perf_counter() - started
        tell(f"The embedded model is loaded ({loaded:.1f} s). Identities live in {session.store.root}.")
        for name, subject in SUBJECTS.items():
            cases = [triple(subject, kind, draw) for draw, kind in enumerate(KINDS, start=1)]
            identity, registering = _timed(_register, session, name, cases[0])
            how = "was in the store" if name in hits.names else "is registered"
            tell(f"{name}, {cases[0].reference_prompt!r}, {how} ({registering:.1f} s). Drawing {len(cases)} images ...")
            seeds = [seed + number for number in range(len(cases))]
            plain, plain_seconds = _timed(_draw_plain, session, cases, seeds, steps)
            kept, kept_seconds = _timed(_draw, session, cases, seeds, steps)
            rows += _write(out, name, cases, plain, kept)
            seconds = {"register": registering, "plain": plain_seconds, "identity": kept_seconds}
            reports.append(_report(identity, name in hits.names, kept, seconds))
    sheet = out / "contact-sheet.png"
    contact_sheet(COLUMNS, rows).save(sheet)
    return DemoReport(sheet, session.store.root, tuple(reports), loaded, time.perf_counter() - started)


def _timed(action: Callable[..., Result], *args: object) -> tuple[Result, float]:
    started = time.perf_counter()
    return action(*args), time.perf_counter() - started


def _register(session: IdentitySession, name: str, case: Triple) -> Identity:
    return session.register(Image.fromarray(case.reference.image), prompt=case.reference_prompt, name=name)


def _draw_plain(session: IdentitySession, cases: Sequence[Triple], seeds: list[int], steps: int | None) -> Generation:
    """The same prompts and seeds with nothing of the method: plain diffusers, bit for bit."""
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


def _write(out: Path, name: str, cases: Sequence[Triple], plain: Generation, kept: Generation) -> Iterator[Row]:
    """Save every picture, and yield the sheet's row of each case."""
    for number, case in enumerate(cases):
        pictures = (
            Image.fromarray(case.reference.image),
            Image.fromarray(case.structure.image),
            plain.images[number],
            kept.images[number],
            Image.fromarray(case.truth.image),
        )
        for column, picture in zip(COLUMNS, pictures, strict=True):
            picture.save(out / f"{name}-{case.kind}-{column.replace(' ', '-')}.png")
        yield f"{case.kind}: {case.prompt}", pictures


def _report(identity: Identity, hit: bool, kept: Generation, seconds: dict[str, float]) -> SubjectReport:
    return SubjectReport(
        name=identity.name,
        prompt=identity.prompt,
        hit=hit,
        timesteps=len(identity.timesteps),
        nbytes=identity.nbytes,
        register_seconds=seconds["register"],
        plain_seconds=seconds["plain"],
        identity_seconds=seconds["identity"],
        images=len(kept),
        timings=dict(kept.timings),
        coverage=sum(kept.coverage) / len(kept),
        unet_rows=kept.unet_rows,
    )
