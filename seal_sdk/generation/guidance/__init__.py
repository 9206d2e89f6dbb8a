"""How a step's rows become one guided prediction: rules, each in a file of its own, applied one after the other.

A new rule is a file with a function ``apply(rows, guided)`` and its line in `RULES`.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from seal_sdk.generation.guidance import delta_bridge, rescale
from seal_sdk.generation.guidance.rows import BridgeStep, GuidanceRows

Rule = Callable[[GuidanceRows, Tensor], Tensor]

RULES: tuple[Rule, ...] = (
    delta_bridge.apply,
    rescale.apply,
)


def guide(rows: GuidanceRows) -> Tensor:
    """The guided prediction (1, C, h, w) of one image at one step."""
    guided = rows.main
    for rule in RULES:
        guided = rule(rows, guided)
    return guided


__all__ = ["RULES", "BridgeStep", "GuidanceRows", "Rule", "guide"]
