"""The paper's ablations: each changes one setting of the method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from seal_sdk.evaluation.claims.ablation import PLAIN_CURVES, Ablation
from seal_sdk.evaluation.claims.claim import Claim
from seal_sdk.evaluation.questions.triples import COLOR

LEVELS = 2.0  # RGB levels: an error that grows by less is no worse
_PLACED = ("subject_error", "structure_iou", "keypoint_distance")
_ALONE = ("on, structure alone", "off, structure alone")


def _values(setting: str, *values: object) -> dict[str, str]:
    return {str(value): f"{setting}={value}" for value in values}


def _along(*labels: str, identity: str, rises: bool) -> tuple[Claim, ...]:
    """That identity changes, as the subject's pixels and as its parts' colours show it."""
    return tuple(Claim(identity, metric, labels, rises) for metric in ("subject_error", "part_color_error"))


def _without_alignment(text: str, metric: str, rises: bool) -> Claim:
    """How a metric changes without AnchorAlign, less how it does for structure alone: subjects then differ in size, which counts too."""
    return Claim(text, metric, ("on", "off"), rises, less=_ALONE)


def _where_misaligned(text: str, metric: str, rises: bool) -> Claim:
    return replace(_without_alignment(text, metric, rises), with_misalignment=True)


_DELTAS, _TAUS, _KS = ("0.3", "1", "3", "10", "30"), ("0.15", "0.3", "0.5", "0.7", "0.9"), ("1", "4", "16", "all")
ABLATIONS: Mapping[str, Ablation] = MappingProxyType(
    {
        "anchor_align": Ablation(
            "AnchorAlign (each is scored where it was asked to draw)",
            {
                "on": "enabled=true",
                "off": "enabled=false",
                _ALONE[0]: "enabled=true,delta=0,bridge.strength=0",
                _ALONE[1]: "enabled=false,delta=0,bridge.strength=0",
            },
            (
                _without_alignment("Without AnchorAlign the outline suffers.", "structure_iou", False),
                _without_alignment("Without AnchorAlign the pose suffers.", "keypoint_distance", True),
                _where_misaligned("The outline suffers more where the boxes differ more.", "structure_iou", False),
                _where_misaligned("The pose suffers more where the boxes differ more.", "keypoint_distance", True),
                _where_misaligned("Identity suffers more where the boxes differ more.", "subject_error", True),
            ),
            curves=_PLACED,
            ordered=False,
        ),
        "top_k": Ablation(
            "Tokens attended to, top-k",
            {"1": "top_k=1", "4": "top_k=4", "16": "top_k=16", "all": "top_k=0"},
            (
                Claim("The subject blurs as k grows.", "sharpness", _KS, False),
                Claim("k = 1 is sharp; details blur as k grows.", "pattern_error", _KS, True),
                Claim("As k grows, subject and background blend.", "leakage", _KS, True),
            ),
            curves=("sharpness", *PLAIN_CURVES),
        ),
        "tau": Ablation(
            "Threshold tau",
            _values("tau", *_TAUS),
            _along(*_TAUS, identity="As tau grows, identity falls monotonically.", rises=True),
            curves=("subject_error", *PLAIN_CURVES),
        ),
        "delta": Ablation(
            "Blending strength delta",
            _values("delta", *_DELTAS),
            _along(*_DELTAS, identity="As delta grows, identity rises monotonically.", rises=False),
            curves=("subject_error", *PLAIN_CURVES),
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
                Claim("It leaves other colours as they were.", "color_rest", ("off", "gen 1"), False, margin=LEVELS),
                Claim("It leaves patterns as they were.", "pattern_error", ("off", "gen 1"), False, margin=LEVELS),
                Claim("The low-pass keeps the reference's details.", "pattern_error", ("gen 1", "no low-pass"), True),
            ),
            COLOR,
            ("color_change", "color_rest", "pattern_error", "structure_iou"),
        ),
        "schedule": Ablation(
            "Schedule of tau and delta",
            _values("schedule", "constant", "dynamic"),
            (
                Claim("Careful early steps secure the outline.", "structure_iou", ("constant", "dynamic"), True),
                Claim("Careful early steps secure the pose.", "keypoint_distance", ("constant", "dynamic"), False),
            ),
            curves=("keypoint_distance", *PLAIN_CURVES),
        ),
        "layers": Ablation(
            "Blocks whose self-attention is infused",
            _values("layers", "mid", "up", "mid+up", "down+mid+up"),
            (
                Claim("Down blocks disturb the outline.", "structure_iou", ("mid+up", "down+mid+up"), False),
                Claim("Down blocks disturb the pose.", "keypoint_distance", ("mid+up", "down+mid+up"), True),
            ),
            curves=("keypoint_distance", *PLAIN_CURVES),
        ),
        "rows": Ablation(
            "Rows of the guided batch that are infused (the paper leaves it open)", _values("rows", "all", "cond")
        ),
    }
)
"""Name -> ablation."""
