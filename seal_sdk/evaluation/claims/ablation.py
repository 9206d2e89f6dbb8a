"""Variants of a method that claims are made about: which there are, how they are drawn, and what is found of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypedDict

from seal_sdk.config import Alignment, Structure
from seal_sdk.evaluation.baselines import BASELINES
from seal_sdk.evaluation.claims.claim import Claim, ClaimSummary, summarize_claim
from seal_sdk.evaluation.claims.misalignment import misalignments
from seal_sdk.evaluation.methods import Method, parse_method
from seal_sdk.evaluation.questions.triples import PLAIN, Triple
from seal_sdk.evaluation.score import Score
from seal_sdk.evaluation.statistics import intervals, measured, per_seed, resampled

PLAIN_CURVES = ("part_color_error", "pattern_error", "structure_iou", "scene_error", "leakage")


@dataclass(frozen=True)
class Ablation:
    """One ablation, or comparison.

    Attributes:
        title: Heading in reports.
        variants: Label -> settings added to the base method, empty for the base itself; or the name of a baseline, which takes the base's
            alignment, structure, steps and guidance.
        claims: What the paper says.
        question: Which questions it is measured on, `PLAIN` or `COLOR`.
        curves: The metrics that are plotted.
        ordered: Whether the variants are values of one setting in their order. Others are plotted as bars.
    """

    title: str
    variants: Mapping[str, str]
    claims: tuple[Claim, ...] = ()
    question: str = PLAIN
    curves: tuple[str, ...] = PLAIN_CURVES
    ordered: bool = True


class AblationSummary(TypedDict):
    """Plain JSON of an ablation. variants: label -> {"method": text, metric: `Interval`}."""

    title: str
    question: str
    curves: list[str]
    ordered: bool
    variants: dict[str, dict[str, Any]]
    claims: list[ClaimSummary]


def variant(base: str, settings: str) -> Method:
    """A method with more settings: ("seal:delta=3", "top_k=1") gives "seal:delta=3,top_k=1". settings: as of `Ablation.variants`.

    Raises:
        ConfigError: If the base, a setting or a value is unknown.
    """
    if settings in BASELINES:
        return _beside(parse_method(base), settings)
    return parse_method(base + (("," if ":" in base else ":") + settings if settings else ""))


def drawn(bases: Sequence[str], ablations: Iterable[Ablation], question: str) -> list[Method]:
    """All variants that are measured on this kind of question. Of those with the same settings only the first is drawn."""
    chosen = [ablation for ablation in ablations if ablation.question == question]
    found: list[Method] = []
    for base in bases:
        for ablation in chosen:
            for settings in ablation.variants.values():
                method = variant(base, settings)
                if method is _alike(method, found):
                    found.append(method)
    return found


def summarize_ablation(
    ablation: Ablation, base: str, methods: Sequence[Method], triples: Sequence[Triple], scores: Sequence[Score]
) -> AblationSummary:
    """The means of all variants and the verdict on each claim: plain JSON.

    Args:
        ablation: What was changed.
        base: Of which method.
        methods: What was drawn (`drawn`).
        triples: The questions; they are looked at for claims about misalignment alone.
        scores: Of the questions, by these methods.
    """
    metrics = measured(scores)
    names = [metric.name for metric in metrics]
    samples = per_seed(scores, metrics)
    texts = {label: _alike(variant(base, settings), methods).name for label, settings in ablation.variants.items()}
    variants: dict[str, dict[str, Any]] = {
        label: {"method": text, **intervals(samples[text].mean(0), resampled(samples[text]), metrics)}
        for label, text in texts.items()
    }
    moved = misalignments(triples) if any(claim.with_misalignment for claim in ablation.claims) else None
    claims = [
        summarize_claim(
            claim, {label: samples[text][:, names.index(claim.metric)] for label, text in texts.items()}, moved
        )
        for claim in ablation.claims
    ]
    return {
        "title": ablation.title,
        "question": ablation.question,
        "curves": list(ablation.curves),
        "ordered": ablation.ordered,
        "variants": variants,
        "claims": claims,
    }


def _alike(method: Method, known: Sequence[Method]) -> Method:
    """The first method with the same settings, whatever its name; the method itself if there is none."""
    same = (each for each in known if replace(each, name=method.name) == method)
    return next(same, method)


def _beside(base: Method, baseline: str) -> Method:
    """A baseline that shares with the base whatever baselines can."""
    sampling = {"num_inference_steps": "steps", "guidance_scale": "guidance"}
    settings = [
        *(f"alignment.{name}={value}" for name, value in _changed(base.alignment, Alignment())),
        *(f"structure.{name}={value}" for name, value in _changed(base.structure, Structure())),
        *(f"{sampling[name]}={value}" for name, value in base.sampling.items() if name in sampling),
    ]
    return parse_method(baseline + (":" + ",".join(settings) if settings else ""))


def _changed(settings: Any, default: Any) -> list[tuple[str, str]]:
    """Name and value, as `parse_method` reads it, of each setting that is not the default's."""
    values = [(each.name, getattr(settings, each.name), getattr(default, each.name)) for each in fields(settings)]
    return [
        (name, "+".join(map(str, value)) if isinstance(value, tuple) else str(value))
        for name, value, usual in values
        if value != usual
    ]
