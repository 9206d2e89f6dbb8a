"""What a picture costs when a subject is drawn so many times, and from how many on one system is faster than another."""

from __future__ import annotations

import math
from collections.abc import Mapping

from seal_sdk.evaluation.cost.subject_costs import SystemCosts

PICTURES = (1, 5, 20, 100)
"""How often a subject is drawn in tables and plots."""


def amortised(costs: SystemCosts, pictures: int) -> float:
    """Seconds of each of so many pictures of a subject, its share of what the subject costs once among them."""
    return (costs["once"]["seconds"] + pictures * costs["picture"]["seconds"]) / pictures


def break_even(costs: SystemCosts, other: SystemCosts) -> int | None:
    """From how many pictures of a subject on a system takes no more seconds than another, whatever their number; None: never."""
    more = costs["once"]["seconds"] - other["once"]["seconds"]
    saved = other["picture"]["seconds"] - costs["picture"]["seconds"]
    if saved > 0:
        return max(1, math.ceil(more / saved))
    return 1 if saved == 0 and more <= 0 else None


def break_evens(systems: Mapping[str, SystemCosts]) -> dict[str, dict[str, int | None]]:
    """Name of each system whose UNet works for a subject before it is drawn -> name of every other system -> `break_even`."""
    return {
        name: {other: break_even(costs, its) for other, its in systems.items() if other != name}
        for name, costs in systems.items()
        if costs["once"]["rows"] > 0
    }
