"""What the paper claims of time and memory, judged by what `cost.speed` measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seal_sdk.evaluation.claims.ablation import AblationSummary
from seal_sdk.evaluation.claims.claim import Claim, ClaimSummary, described, summarize_claim, verdict
from seal_sdk.evaluation.cost.speed import GENERATE, SpeedSummary
from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.evaluation.statistics import interval, resampled

METRICS = (Metric("seconds", "seconds a picture"), Metric("memory", "memory, MB"))
TOLERANCE = 0.1
"""Memory that differs by a smaller share than this is undecided: a peak has no interval, and on a CPU it is that of the whole process."""

OTHERS = {"Ctrl-X": "ctrlx", "ControlNet+IP-Adapter": "controlnet+ip-adapter", "DRF": "drf"}
OURS = {"seal": ("cold", "hot"), "seal:preset=paper": ("stateless", "stateless")}
"""Base -> the systems of one picture with everything, and of a picture whose registration is amortised."""
SYSTEMS = (*dict.fromkeys(system for pair in OURS.values() for system in pair), *OTHERS.values())

ONE, AMORTISED = "SeAl, one picture", "SeAl, amortised"
_MEMORY = (
    Claim("Memory is less than with ControlNet and IP-Adapter.", "memory", (ONE, "ControlNet+IP-Adapter"), True),
    Claim("That is less than DRF's.", "memory", ("ControlNet+IP-Adapter", "DRF"), True),
)
_TIME = tuple(
    claim
    for other in ("Ctrl-X", "ControlNet+IP-Adapter")
    for claim in (
        Claim(f"A single picture takes longer than with {other}.", "seconds", (other, ONE), True),
        Claim(f"An amortised one takes less time than with {other}.", "seconds", (other, AMORTISED), False),
    )
)


def summarize_cost(summary: SpeedSummary, base: str) -> AblationSummary | None:
    """The claims about cost in the form of an ablation; None for a base that is not of `OURS`.

    Its variants have "seconds", over repeats, and "memory": all weights and the highest peak of a run beyond them, in MB. Where nobody can
    tell the memory, there is none, and no claim about it.

    Args:
        summary: Of `SYSTEMS`.
        base: The method.
    """
    if base not in OURS:
        return None
    one, amortised = OURS[base]
    systems = summary["systems"]
    parts = systems[amortised]["parts_each"]
    seconds = {ONE: np.array(systems[one]["seconds"]), AMORTISED: np.array(parts[GENERATE])} | {
        label: np.array(systems[name]["seconds"]) for label, name in OTHERS.items()
    }
    names = {ONE: one, AMORTISED: f"{amortised}, generate" if one == amortised else amortised, **OTHERS}
    memory = _memory(summary, {label: name for label, name in names.items() if name in systems})
    variants: dict[str, dict[str, Any]] = {
        label: {"method": names[label], "seconds": interval(float(each.mean()), resampled(each[:, None]))}
        for label, each in seconds.items()
    }
    for label, value in memory.items():
        variants[label]["memory"] = {"mean": value, "ci95": [value, value]}
    return {
        "title": f"Time and memory, {summary['setup']['model']}, {summary['setup']['size']} pixels a side",
        "question": "cost",
        "curves": [metric.name for metric in METRICS if metric.name == "seconds" or memory],
        "ordered": False,
        "variants": variants,
        "claims": [
            *(_judge_memory(each, memory) for each in _MEMORY if memory),
            *(summarize_claim(each, seconds) for each in _TIME),
        ],
    }


def _memory(summary: SpeedSummary, names: Mapping[str, str]) -> dict[str, float]:
    """Label -> MB; empty if one is not known."""
    found: dict[str, float] = {}
    for label, name in names.items():
        system = summary["systems"][name]
        if system["peak_bytes"] is None:
            return {}
        found[label] = (system["weight_bytes"] + system["peak_bytes"]) / 1e6
    return found


def _judge_memory(claim: Claim, memory: Mapping[str, float]) -> ClaimSummary:
    """The verdict by `TOLERANCE` instead of an interval over seeds."""
    before, after = (memory[label] for label in claim.along)
    give = TOLERANCE * max(before, after)
    low, high = after - before - give, after - before + give
    return described(claim, {"mean": after - before, "ci95": [low, high]}, verdict((low, high)))
