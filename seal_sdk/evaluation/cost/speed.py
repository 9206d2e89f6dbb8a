"""What a picture costs beside plain SDXL and beside other methods: all of them in turn, again and again, in one process."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from statistics import median
from typing import Any, TypedDict

import numpy as np
from tqdm import tqdm

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.cost.peak_memory import peak_memory, release_freed
from seal_sdk.evaluation.cost.phases import LOOP
from seal_sdk.evaluation.cost.profile import Phases, StoreReads, profile_phases, profile_syncs
from seal_sdk.evaluation.cost.rows import counted_rows
from seal_sdk.evaluation.cost.stopwatch import Stopwatch
from seal_sdk.evaluation.cost.systems import GENERATE, REGISTER, SYSTEMS, Bench
from seal_sdk.evaluation.cost.workplace import CostSetup, Workplace, open_workplace

PICTURES = 20
"""Pictures of one identity over which its registration is spread."""
OURS = ("cold", "warm", "hot")
"""The systems that are the method's own calls."""
_ALL = "all"


class Sample(TypedDict):
    """One run of a system. seconds: all of it, without a store's time where that does not count. parts: part -> its seconds."""

    seconds: float
    parts: dict[str, float]
    rows: list[int]
    peak_bytes: int | None
    weight_bytes: int


class SystemSummary(TypedDict):
    """A system's runs.

    Attributes:
        median: Seconds.
        quartiles: Seconds, [25 %, 75 %].
        seconds: Of each repeat.
        parts: Part -> median seconds, for "register", "generate", "denoising loop" and "sam".
        parts_each: Part -> seconds of each repeat.
        rows: UNet rows of a run, of all forwards together.
        forwards: UNet forwards of a run.
        peak_bytes: The most memory beyond what was in use before, over the repeats; None where nobody can tell.
        weight_bytes: Of all weights that it draws with, which are in use before.
    """

    median: float
    quartiles: list[float]
    seconds: list[float]
    parts: dict[str, float]
    parts_each: dict[str, list[float]]
    rows: int
    forwards: int
    peak_bytes: int | None
    weight_bytes: int


class SpeedSummary(TypedDict):
    """What `measure_speed` returns: plain JSON.

    Attributes:
        setup: What the figures depend on.
        systems: Name -> its runs.
        ratios: Name of a ratio -> median over the repeats, each of which is a quotient within its repeat (`RATIOS`).
        ratios_each: The same, each repeat.
        phases: "register", "warm" and "hot" -> seconds of each phase of one call; they add up to its "total". None without one of `OURS`.
        rows: UNet rows of each forward: "register"; "before_steps", what a first generation reads of the prompt in the reference; "steps".
        store: What a warm generation reads of the identity; None without one of `OURS`.
        host_syncs: "plain" and "hot", those that ran -> how often a step waits for the device; None with fewer than two steps.
    """

    setup: dict[str, Any]
    systems: dict[str, SystemSummary]
    ratios: dict[str, float]
    ratios_each: dict[str, list[float]]
    phases: dict[str, Phases]
    rows: dict[str, list[int]]
    store: StoreReads | None
    host_syncs: dict[str, float | None]


Repeat = Mapping[str, Sample]
"""System -> its run in this repeat."""


def _whole(name: str) -> Callable[[Repeat], float]:
    return lambda repeat: repeat[name]["seconds"]


def _part(name: str, part: str) -> Callable[[Repeat], float]:
    return lambda repeat: repeat[name]["parts"][part]


def _amortised(repeat: Repeat) -> float:
    return repeat["cold"]["parts"][REGISTER] + PICTURES * repeat["hot"]["seconds"]


def _amortised_over(name: str) -> Callable[[Repeat], float]:
    return lambda repeat: _amortised(repeat) / (PICTURES * repeat[name]["seconds"])


def _bare_register(repeat: Repeat) -> float:
    """Registration without the subject finder."""
    parts = repeat["cold"]["parts"]
    return parts[REGISTER] - parts.get("sam", 0.0)


RATIOS: Mapping[str, tuple[tuple[str, ...], Callable[[Repeat], float]]] = {
    "step_over_plain": (
        ("hot", "plain-rows"),
        lambda repeat: _part("hot", LOOP)(repeat) / _whole("plain-rows")(repeat),
    ),
    "generate_over_plain": (("hot", "plain"), lambda repeat: _whole("hot")(repeat) / _whole("plain")(repeat)),
    f"amortised_{PICTURES}_over_stateless": (("cold", "hot", "stateless"), _amortised_over("stateless")),
    f"amortised_{PICTURES}_over_ctrlx": (("cold", "hot", "ctrlx"), _amortised_over("ctrlx")),
    f"amortised_{PICTURES}_over_controlnet_ip_adapter": (
        ("cold", "hot", "controlnet+ip-adapter"),
        _amortised_over("controlnet+ip-adapter"),
    ),
    "register_over_forwards": (
        ("cold", "plain-capture"),
        lambda repeat: _bare_register(repeat) / _whole("plain-capture")(repeat),
    ),
    "disk_over_memory": (("warm", "hot"), lambda repeat: _whole("warm")(repeat) / _whole("hot")(repeat)),
}
"""Name -> the systems that it needs, and the quotient of one repeat."""


def measure_speed(setup: CostSetup, names: Collection[str] = tuple(SYSTEMS), *, release: bool = False) -> SpeedSummary:
    """Time the systems. Shows progress on a terminal.

    Args:
        setup: What is measured, and how often.
        names: Of `SYSTEMS`.
        release: Whether freed memory goes back to the system before each run. On a CPU the peaks of systems are comparable only then;
            each run then also has to ask for all its memory anew, which takes a little time.

    Raises:
        ConfigError: If a name is unknown, or the device or precision is not to be had.
        WeightsNotFound, UnsupportedModel, SizeError, SubjectNotFound: As of `open_workplace`.
    """
    check_systems(names)
    chosen = [name for name in SYSTEMS if name in names]  # each repeat in this order
    with open_workplace(setup) as place:
        repeats = _measure(place, chosen, release)
        each = {
            name: [quotient(repeat) for repeat in repeats]
            for name, (needed, quotient) in RATIOS.items()
            if set(needed) <= set(chosen)
        }
        phases, store = profile_phases(place) if set(OURS) & set(chosen) else ({}, None)
        return {
            "setup": place.facts(),
            "systems": {name: _summary([repeat[name] for repeat in repeats]) for name in chosen},
            "ratios": {name: median(values) for name, values in each.items()},
            "ratios_each": each,
            "phases": phases,
            "rows": {REGISTER: place.capture_rows, "before_steps": place.edit_rows, "steps": place.step_rows},
            "store": store,
            "host_syncs": profile_syncs(place, chosen),
        }


def check_systems(names: Collection[str]) -> None:
    """Raise ConfigError for a name that is no system's."""
    unknown = [name for name in names if name not in SYSTEMS]
    if unknown:
        raise ConfigError(f"There is no system {unknown[0]!r}; choose from {', '.join(SYSTEMS)}.")


def _measure(place: Workplace, names: Sequence[str], release: bool) -> list[dict[str, Sample]]:
    """All systems in turn, as often as the setup says; what the first run of one prepares for the others is not timed."""
    total = place.setup.repeats
    with Bench(place) as bench, tqdm(total=total * len(names), unit="run", disable=None) as bar:
        repeats: list[dict[str, Sample]] = []
        for number in range(1, total + 1):
            repeat: dict[str, Sample] = {}
            for name in names:
                bar.set_description(f"repeat {number} of {total}: {name}")
                repeat[name] = _run(bench, name, release)
                bar.update()
            repeats.append(repeat)
    return repeats


def _run(bench: Bench, name: str, release: bool) -> Sample:
    place = bench.place
    with SYSTEMS[name](bench) as run, counted_rows(place.pipe.unet) as rows:
        if release:
            release_freed()
        watch = Stopwatch(place.device)
        with peak_memory(place.device) as peak, watch.part(_ALL):
            run(watch)
    not_counted = watch.own["store"]
    parts = {part: float(watch.whole[part]) for part in (REGISTER, GENERATE, LOOP, "sam") if part in watch.whole}
    return {
        "seconds": watch.whole[_ALL] - not_counted,
        "parts": parts,
        "rows": rows,
        "peak_bytes": peak.nbytes,
        "weight_bytes": bench.weight_bytes(name),
    }


def _summary(samples: Sequence[Sample]) -> SystemSummary:
    seconds = [sample["seconds"] for sample in samples]
    peaks = [sample["peak_bytes"] for sample in samples if sample["peak_bytes"] is not None]
    low, high = np.quantile(seconds, (0.25, 0.75))
    parts = {part: [sample["parts"][part] for sample in samples] for part in samples[0]["parts"]}
    return {
        "median": median(seconds),
        "quartiles": [float(low), float(high)],
        "seconds": seconds,
        "parts": {part: median(each) for part, each in parts.items()},
        "parts_each": parts,
        "rows": sum(samples[-1]["rows"]),
        "forwards": len(samples[-1]["rows"]),
        "peak_bytes": max(peaks, default=None),
        "weight_bytes": samples[-1]["weight_bytes"],
    }


__all__ = [
    "GENERATE",
    "PICTURES",
    "RATIOS",
    "REGISTER",
    "SpeedSummary",
    "SystemSummary",
    "check_systems",
    "measure_speed",
]
