"""The demo's run: register, draw, write, and say what was cached, hit and timed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import click
from PIL import Image

from seal_sdk.callbacks import Callback
from seal_sdk.config import Appearance, DeltaBridge
from seal_sdk.demo.sheet import contact_sheet
from seal_sdk.evaluation.triples import Triple, triple
from seal_sdk.generation import Generation
from seal_sdk.session import IdentitySession

SUBJECTS = {"demo-one": 500_005, "demo-two": 500_010}  # seeds of the world that training never saw
KINDS = ("mesh", "depth", "pose", "canny")
COLUMNS = ("reference", "structure", "plain prompt", "with identity", "ground truth")
PLAIN = {"appearance": Appearance(delta=0), "delta_bridge": DeltaBridge(strength=0)}


@dataclass(frozen=True)
class _Hits(Callback):
    """Notes which registrations were served by the store."""

    of: dict[str, bool]

    def on_register_end(self, session, identity, hit):
        self.of[identity.name] = hit


def run_demo(out: Path, store: Path, *, seed: int = 1, steps: int | None = None) -> Path:
    """Write images and ``contact-sheet.png`` into ``out``; returns the sheet's path."""
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    hits = _Hits({})
    rows = []
    with IdentitySession("pocket", store=store, callbacks=[hits]) as session:
        click.echo(f"Model loaded in {time.perf_counter() - started:.1f} s. Store: {session.store.root}")
        for name, subject in SUBJECTS.items():
            cases = [triple(subject, kind, draw) for draw, kind in enumerate(KINDS, start=1)]
            _register(session, name, cases[0], hits)
            rows += _draw(session, name, cases, out, seed, steps)
    sheet = out / "contact-sheet.png"
    contact_sheet(COLUMNS, rows).save(sheet)
    click.echo(f"Look at {sheet} ({time.perf_counter() - started:.1f} s in all).")
    return sheet


def _register(session: IdentitySession, name: str, case: Triple, hits: _Hits) -> None:
    started = time.perf_counter()
    identity = session.register(Image.fromarray(case.reference.image), prompt=case.reference_prompt, name=name)
    how = "store hit, nothing computed" if hits.of[name] else f"computed and cached {len(identity.timesteps)} timesteps"
    click.echo(
        f"\n{name}: {case.reference_prompt!r}\n  register  {time.perf_counter() - started:6.2f} s  {how}, {identity.nbytes / 1e6:.1f} MB"
    )


def _draw(
    session: IdentitySession, name: str, cases: list[Triple], out: Path, seed: int, steps: int | None
) -> list[tuple[str, list[Image.Image]]]:
    prompts = [case.prompt for case in cases]
    structures = [Image.fromarray(case.structure.image) for case in cases]
    seeds = [seed + number for number in range(len(cases))]
    plain = session.generate(None, prompts, seed=seeds, num_inference_steps=steps, **PLAIN)
    kept = session.generate(
        structures,
        prompts,
        structure_prompt=[case.structure_prompt for case in cases],
        seed=seeds,
        num_inference_steps=steps,
    )
    _report(kept)
    rows = []
    for number, case in enumerate(cases):
        pictures = [
            Image.fromarray(case.reference.image),
            structures[number],
            plain.images[number],
            kept.images[number],
            Image.fromarray(case.truth.image),
        ]
        for label, picture in zip(COLUMNS, pictures, strict=True):
            picture.save(out / f"{name}-{case.kind}-{label.replace(' ', '-')}.png")
        rows.append((f"{case.kind}: {case.prompt}", pictures))
    return rows


def _report(kept: Generation) -> None:
    count = len(kept)
    for phase, seconds in kept.timings.items():
        click.echo(f"  {phase:16} {seconds:6.2f} s for {count} images")
    click.echo(
        f"  infused          {sum(kept.coverage) / count:6.0%} of the subject's tokens; {kept.unet_rows} UNet rows"
    )
