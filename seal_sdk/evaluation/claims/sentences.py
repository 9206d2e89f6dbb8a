"""The sentences of the paper's findings, and the variants that each is replayed with. The words are those of our notes of the paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from seal_sdk.evaluation.claims.ablation import Ablation
from seal_sdk.evaluation.claims.ablations import ABLATIONS
from seal_sdk.evaluation.claims.comparisons import BASELINES, BASELINES_TEXT, MODULES, WHOLE_BRIDGE

COST = "cost"
"""The sentence that is measured with a clock instead of pictures (`claims.cost`)."""


@dataclass(frozen=True)
class Sentence:
    """A sentence of the paper.

    Attributes:
        text: What it says.
        section: Where the paper says so.
        ablations: Name -> what is drawn for it.
        unseen: What of it this benchmark cannot see; empty for nothing.
    """

    text: str
    section: str
    ablations: Mapping[str, Ablation] = field(default_factory=dict)
    unseen: str = ""


def _ablated(name: str, text: str, section: str, unseen: str = "") -> Sentence:
    return Sentence(text, section, {name: ABLATIONS[name]}, unseen)


SENTENCES: Mapping[str, Sentence] = MappingProxyType(
    {
        "modules": Sentence(
            "The dominant module for identity is Reference-guided Appearance Infusion.",
            "Key Findings",
            {"modules": MODULES},
        ),
        "anchor_align": _ablated(
            "anchor_align",
            "AnchorAlign contributes most when subjects are severely misaligned; without it the geometry becomes inconsistent.",
            "Key Findings",
        ),
        "top_k": _ablated(
            "top_k",
            "k = 1 is sharp; as k grows, details blur and subject and background blend.",
            "Ablation Study",
        ),
        "tau": _ablated("tau", "As tau grows, identity falls monotonically.", "Ablation Study"),
        "delta": _ablated("delta", "As delta grows, identity rises monotonically.", "Ablation Study"),
        "delta_bridge": Sentence(
            "Delta-Bridge follows the text and leaves the rest as it was: the low-pass keeps high-frequency details of identity, and "
            "quality words stand in the generation prompt alone.",
            "Key Designs",
            {"delta_bridge": ABLATIONS["delta_bridge"], "whole_bridge": WHOLE_BRIDGE},
            "quality words. All pictures of the embedded model's world are of one quality, so the words mean nothing to it",
        ),
        "schedule": _ablated(
            "schedule",
            "A conservative early and aggressive late schedule secures the structure.",
            "Key Designs",
            "the paper's own schedule, whose shape it does not give. This one is ours",
        ),
        "layers": _ablated("layers", "Down blocks interfere with the structure.", "Key Designs"),
        "baselines": Sentence(
            "Identity is preserved better than by Ctrl-X and DRF, at text and structure that are equal or better.",
            "Main Results",
            {"plain": BASELINES, "color": BASELINES_TEXT},
            "the authors' own programs. Both methods are written anew from their papers",
        ),
        COST: Sentence(
            "SeAl takes less memory than ControlNet with IP-Adapter, and that less than DRF. A single picture takes longer than with "
            "Ctrl-X or IP-Adapter, by AnchorAlign and caching; where these are amortised, less.",
            "Key Findings, Limitations",
            unseen="Segment Anything, in whose place the embedded finder is, and SDXL's size without --full-size",
        ),
    }
)
"""Name -> sentence, in the order of reports."""
