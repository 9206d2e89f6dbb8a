"""What the paper claims of whole modules, and of the method beside others."""

from __future__ import annotations

from seal_sdk.evaluation.claims.ablation import Ablation
from seal_sdk.evaluation.claims.claim import Claim
from seal_sdk.evaluation.questions.triples import COLOR

IOU, SHARE = 0.02, 0.05  # of an outline, and of pictures: less is no worse
_ERROR = "subject_error"
_CURVES = (_ERROR, "structure_iou", "keypoint_distance", "scene_error")

MODULES = Ablation(
    "Modules left out, and alone on top of structure",
    {
        "all": "",
        "no infusion": "delta=0",
        "no AnchorAlign": "enabled=false",
        "no Delta-Bridge": "bridge.strength=0",
        "none": "enabled=false,delta=0,bridge.strength=0",
        "infusion alone": "enabled=false,bridge.strength=0",
        "AnchorAlign alone": "delta=0,bridge.strength=0",
        "Delta-Bridge alone": "enabled=false,delta=0",
    },
    (
        Claim("Identity needs the infusion more than AnchorAlign.", _ERROR, ("no AnchorAlign", "no infusion"), True),
        Claim("Identity needs the infusion more than Delta-Bridge.", _ERROR, ("no Delta-Bridge", "no infusion"), True),
        Claim("Infusion alone brings identity.", _ERROR, ("none", "infusion alone"), False),
        Claim("AnchorAlign alone brings less of it.", _ERROR, ("infusion alone", "AnchorAlign alone"), True),
        Claim("Delta-Bridge alone brings less of it.", _ERROR, ("infusion alone", "Delta-Bridge alone"), True),
    ),
    curves=_CURVES,
    ordered=False,
)
_BASELINES = {"Ctrl-X": "ctrlx", "DRF": "drf"}
BASELINES = Ablation(
    "Beside Ctrl-X and DRF, which share model, alignment, structure and noise",
    {"SeAl": "", **_BASELINES},
    tuple(
        claim
        for other in _BASELINES
        for claim in (
            Claim(f"Identity is nearer than {other}'s.", _ERROR, (other, "SeAl"), False),
            Claim(f"Structure is no worse than {other}'s.", "structure_iou", (other, "SeAl"), True, margin=IOU),
        )
    ),
    curves=_CURVES,
    ordered=False,
)
BASELINES_TEXT = Ablation(
    "Beside Ctrl-X and DRF, where the prompt names another colour",
    {"SeAl": "", **_BASELINES},
    tuple(
        Claim(f"The text is followed no worse than by {other}.", "color_success", (other, "SeAl"), True, margin=SHARE)
        for other in _BASELINES
    ),
    COLOR,
    ("color_change", "color_rest", "color_success"),
    ordered=False,
)
WHOLE_BRIDGE = Ablation(
    "All of Delta-Bridge as the method has it, where the prompt names another colour",
    {"without": "strength=0", "with": ""},
    (Claim("With it, the text is followed.", "color_change", ("without", "with"), True),),
    COLOR,
    ("color_change", "color_rest", "pattern_error", "structure_iou"),
)
