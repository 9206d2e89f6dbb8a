"""What a subject costs a system once, and what each picture of it costs: time, UNet rows and memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypedDict

from tqdm import tqdm

from seal_sdk.evaluation.cost.peak_memory import peak_memory
from seal_sdk.evaluation.cost.rows import counted_rows
from seal_sdk.evaluation.cost.stopwatch import Stopwatch
from seal_sdk.evaluation.methods import Method
from seal_sdk.evaluation.painter import Drawing, Painter
from seal_sdk.session import IdentitySession


class Cost(TypedDict):
    """Medians over the subjects. rows: of the UNet, forwards; a row that is also run backwards counts as one."""

    seconds: float
    rows: float


class SystemCosts(TypedDict):
    """What a system costs.

    Attributes:
        once: Before a subject's first picture.
        picture: Each picture.
        kept_bytes: What is kept to draw a subject again, median over the subjects.
        peak_bytes: The most memory beyond what was in use before, over all that was measured; None where nobody can tell.
    """

    once: Cost
    picture: Cost
    kept_bytes: int
    peak_bytes: int | None


@dataclass(frozen=True, eq=False)
class System:
    """A method that draws in a session of its own, so that it finds nothing that another one has left. painter: of the session."""

    method: Method
    session: IdentitySession
    painter: Painter


@dataclass(frozen=True)
class _Run:
    """What one call took."""

    seconds: float = 0.0
    rows: int = 0
    peak_bytes: int | None = None


@dataclass(frozen=True)
class _Sample:
    """One subject by one system."""

    once: _Run
    picture: _Run
    kept_bytes: int


def measure_costs(systems: Sequence[System], warm_up: Drawing, subjects: Sequence[Drawing]) -> dict[str, SystemCosts]:
    """The costs of each system, by its name. Shows progress on a terminal.

    Systems take turns within each subject, so that a drifting machine hurts all alike.

    Args:
        systems: What is compared.
        warm_up: Drawn first by each, and not counted: what is loaded, or made once for all subjects of a class, is then there.
        subjects: One picture each of subjects of the same class, none of which the systems have met.
    """
    samples: dict[str, list[_Sample]] = {system.method.name: [] for system in systems}
    with tqdm(total=len(systems) * (1 + len(subjects)), unit="subject", disable=None) as bar:
        for number, drawing in enumerate((warm_up, *subjects)):
            turn = f"subject {number} of {len(subjects)}" if number else "warming up"
            for system in systems:
                bar.set_description(f"costs, {turn}: {system.method.name}")
                found = _measure(system, drawing)
                if number:
                    samples[system.method.name].append(found)
                bar.update()
    return {name: _summary(each) for name, each in samples.items()}


def _measure(system: System, drawing: Drawing) -> _Sample:
    """What the session does for a baseline, or for a method that does not see the reference, is not their cost."""
    painter, method = system.painter, system.method
    if method.baseline or not method.sees_reference:
        identity = painter.register(drawing, method)
        _ = identity.image, identity.mask
    kept: list[int] = []
    once = _run(system, lambda: kept.append(painter.prepare(drawing, method)))
    picture = _run(system, lambda: painter.draw(drawing, method))
    return _Sample(once if method.sees_reference else _Run(), picture, kept[0])


def _run(system: System, call: Callable[[], object]) -> _Run:
    backbone, watch = system.session.backbone, Stopwatch(system.session.backbone.device)
    with counted_rows(backbone.pipe.unet) as rows, peak_memory(backbone.device) as peak, watch.part("call"):
        call()
    return _Run(float(watch.whole["call"]), sum(rows), peak.nbytes)


def _summary(samples: Sequence[_Sample]) -> SystemCosts:
    runs = [run for sample in samples for run in (sample.once, sample.picture)]
    return {
        "once": _medians([sample.once for sample in samples]),
        "picture": _medians([sample.picture for sample in samples]),
        "kept_bytes": round(median(sample.kept_bytes for sample in samples)),
        "peak_bytes": max((run.peak_bytes for run in runs if run.peak_bytes is not None), default=None),
    }


def _medians(runs: Sequence[_Run]) -> Cost:
    return {"seconds": median(run.seconds for run in runs), "rows": median(run.rows for run in runs)}
