"""The paper's ablations: each changes one setting of the method, and the paper's claims are tested on the same seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypedDict

import numpy as np

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.methods import Method, parse_method
from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.evaluation.questions.triples import COLOR, PLAIN
from seal_sdk.evaluation.score import Score
from seal_sdk.evaluation.statistics import Interval, intervals, measured, per_seed, resampled
from seal_sdk.evaluation.tasks.quality import Results

_PLAIN = ("part_color_error", "pattern_error", "structure_iou", "scene_error", "leakage")
_COLOR = ("color_change", "color_rest", "pattern_error", "structure_iou")


@dataclass(frozen=True)
class Claim:
    """A claim of the paper: a metric rises (or falls) along the variants with these labels, in this order."""

    text: str
    metric: str
    along: tuple[str, ...]
    rises: bool


@dataclass(frozen=True)
class Ablation:
    """One ablation.

    Attributes:
        title: Heading in reports.
        variants: Label -> settings added to the base method; empty for the base itself.
        claims: What the paper says.
        question: Which questions it is measured on, `PLAIN` or `COLOR`.
        curves: The metrics that are plotted.
    """

    title: str
    variants: dict[str, str]
    claims: tuple[Claim, ...] = ()
    question: str = PLAIN
    curves: tuple[str, ...] = _PLAIN


class ClaimSummary(TypedDict):
    """The verdict on a `Claim`. change: of the metric from the first to the last variant, paired over seeds."""

    claim: str
    metric: str
    along: list[str]
    rises: bool
    change: Interval
    verdict: str


class AblationSummary(TypedDict):
    """Plain JSON of an ablation. variants: label -> {"method": text, metric: `Interval`}."""

    title: str
    question: str
    curves: list[str]
    variants: dict[str, dict[str, Any]]
    claims: list[ClaimSummary]


def _values(setting: str, *values: object) -> dict[str, str]:
    return {str(value): f"{setting}={value}" for value in values}


_DELTAS, _TAUS = ("0.3", "1", "3", "10", "30"), ("0.15", "0.3", "0.5", "0.7", "0.9")
ABLATIONS = {
    "anchor_align": Ablation(
        "AnchorAlign (each is scored where it was asked to draw)",
        {"on": "enabled=true", "off": "enabled=false"},
        (Claim("Without AnchorAlign the structure becomes inconsistent.", "structure_iou", ("on", "off"), False),),
    ),
    "top_k": Ablation(
        "Tokens attended to, top-k",
        {"1": "top_k=1", "4": "top_k=4", "16": "top_k=16", "all": "top_k=0"},
        (
            Claim("k = 1 is sharp; details blur as k grows.", "pattern_error", ("1", "4", "16", "all"), True),
            Claim("As k grows, subject and background blend.", "leakage", ("1", "4", "16", "all"), True),
        ),
    ),
    "tau": Ablation(
        "Threshold tau",
        _values("tau", *_TAUS),
        (Claim("As tau grows, identity falls monotonically.", "part_color_error", _TAUS, True),),
    ),
    "delta": Ablation(
        "Blending strength delta",
        _values("delta", *_DELTAS),
        (Claim("As delta grows, identity rises monotonically.", "part_color_error", _DELTAS, False),),
    ),
    "delta_bridge": Ablation(
        "Delta-Bridge, where the prompt names another colour",
        {
            "off": "strength=0",
            "gen 0.5": "strength=0.5,base=gen",
            "gen 1": "strength=1,base=gen",
            "no low-pass": "strength=1,base=gen,low_pass=0",
            "app 1": "strength=1,base=app",
        },
        (
            Claim("The bridge follows the text.", "color_change", ("off", "gen 0.5", "gen 1"), True),
            Claim("It leaves the rest as it was.", "color_rest", ("gen 1", "off"), True),
            Claim("The low-pass keeps the reference's details.", "pattern_error", ("gen 1", "no low-pass"), True),
        ),
        COLOR,
        _COLOR,
    ),
    "schedule": Ablation(
        "Schedule of tau and delta",
        _values("schedule", "constant", "dynamic"),
        (Claim("Careful early steps secure the structure.", "structure_iou", ("constant", "dynamic"), True),),
    ),
    "layers": Ablation(
        "Blocks whose self-attention is infused",
        _values("layers", "mid", "up", "mid+up", "down+mid+up"),
        (Claim("Down blocks interfere with the structure.", "structure_iou", ("mid+up", "down+mid+up"), False),),
    ),
    "rows": Ablation(
        "Rows of the guided batch that are infused (the paper leaves it open)", _values("rows", "all", "cond")
    ),
}


def choose(only: str | None) -> tuple[str, ...]:
    """Names separated by commas; all of `ABLATIONS` for None. Raises ConfigError if one is unknown."""
    names = tuple(ABLATIONS) if only is None else tuple(filter(None, only.replace(" ", "").split(",")))
    unknown = [name for name in names if name not in ABLATIONS]
    if unknown or not names:
        raise ConfigError(f"There is no ablation {only!r}; choose from {', '.join(ABLATIONS)}.")
    return names


def variant(base: str, settings: str) -> Method:
    """A method with more settings: ("seal:delta=3", "top_k=1") gives "seal:delta=3,top_k=1"."""
    return parse_method(base + (("," if ":" in base else ":") + settings if settings else ""))


def methods(base: str, names: Sequence[str], question: str) -> list[Method]:
    """All variants of the named ablations that are measured on this kind of question, each once."""
    chosen = [ABLATIONS[name] for name in names if ABLATIONS[name].question == question]
    found = [variant(base, settings) for ablation in chosen for settings in ablation.variants.values()]
    return list({method.name: method for method in found}.values())


def summarize_ablations(results: Results, base: str, names: Sequence[str]) -> dict[str, AblationSummary]:
    """The means of all variants and the verdict on each claim, by the name of the ablation: plain JSON.

    Args:
        results: Scores of the variants that `methods` lists.
        base: The method whose settings were changed.
        names: Some of `ABLATIONS`.
    """
    by_question = results.kinds()
    return {name: _summarize(ABLATIONS[name], by_question[ABLATIONS[name].question].scores, base) for name in names}


def _summarize(ablation: Ablation, scores: Sequence[Score], base: str) -> AblationSummary:
    metrics = measured(scores)
    samples = per_seed(scores, metrics)
    texts = {label: variant(base, settings).name for label, settings in ablation.variants.items()}
    variants: dict[str, dict[str, Any]] = {
        label: {"method": text, **intervals(samples[text].mean(0), resampled(samples[text]), metrics)}
        for label, text in texts.items()
    }
    claims = [_claim(claim, [samples[texts[label]] for label in claim.along], metrics) for claim in ablation.claims]
    return {
        "title": ablation.title,
        "question": ablation.question,
        "curves": list(ablation.curves),
        "variants": variants,
        "claims": claims,
    }


def _claim(claim: Claim, samples: Sequence[np.ndarray], metrics: Sequence[Metric]) -> ClaimSummary:
    (column,) = [index for index, metric in enumerate(metrics) if metric.name == claim.metric]
    along = [values[:, column] for values in samples]  # (seeds,) of each variant
    change = along[-1] - along[0]
    low, high = _interval(change)
    return {
        "claim": claim.text,
        "metric": claim.metric,
        "along": list(claim.along),
        "rises": claim.rises,
        "change": {"mean": float(change.mean()), "ci95": [low, high]},
        "verdict": judge(along, claim.rises),
    }


def judge(along: Sequence[np.ndarray], rises: bool) -> str:
    """The verdict on whether a metric rises (or falls) from the first variant to the last.

    Args:
        along: (seeds,) values of each variant, paired over seeds.
        rises: Whether the claim is that they rise.

    Returns:
        "holds": the 95 % interval of the total change lies on the claimed side, and no step's interval lies on the
        other. "holds in part": the total change lies on the claimed side, but a step goes the other way. "does not
        hold": the total change lies on the other side. "undecided": the interval of the total change contains zero, or
        there are fewer than three seeds.
    """
    if len(along[0]) < 3:
        return "undecided"
    sign = 1.0 if rises else -1.0
    low, high = _interval(sign * (along[-1] - along[0]))
    if low <= 0 <= high:
        return "undecided"
    if high < 0:
        return "does not hold"
    against = any(_interval(sign * (after - before))[1] < 0 for before, after in pairwise(along))
    return "holds in part" if against else "holds"


def _interval(differences: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(resampled(differences[:, None]), (0.025, 0.975))
    return float(low), float(high)
