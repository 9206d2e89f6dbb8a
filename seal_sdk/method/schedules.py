"""How settings move with sampling progress gamma in [0, 1]: careful early, aggressive late (paper, "Hybrid Scheduling")."""

from __future__ import annotations

EARLY_DELTA = 0.5  # share of delta at gamma = 0 under "dynamic" (ours)
EARLY_TAU = 0.15  # what "dynamic" adds to tau at gamma = 0 (ours)

DETAIL_START, DETAIL_END = 0.1, 0.9  # progress between which details are transferred (ours)


def tau_at(gamma: float, tau: float, schedule: str) -> float:
    """Similarity threshold; "dynamic" falls linearly to ``tau`` (ours: the paper names no shape)."""
    return tau if schedule == "constant" else min(tau + EARLY_TAU * (1 - gamma), 1.0)


def delta_at(gamma: float, delta: float, schedule: str) -> float:
    """Blending strength; "dynamic" rises linearly to ``delta`` (ours: the paper names no shape)."""
    return delta if schedule == "constant" else delta * (EARLY_DELTA + (1 - EARLY_DELTA) * gamma)


def detail_at(gamma: float, detail: float) -> float:
    """Detail transfer's strength: once the layout stands, and until the last steps, which make one picture of it (ours)."""
    return detail if DETAIL_START <= gamma <= DETAIL_END else 0.0


def lambda_at(gamma: float, strength: float, end: float) -> float:
    """Delta-Bridge's strength: whole until half of ``end``, then linearly to zero at ``end`` (paper: early to mid; shape ours)."""
    if end <= 0 or gamma >= end:
        return 0.0
    return strength * min(1.0, 2 * (1 - gamma / end))


def active(gamma: float, end: float) -> bool:
    """Whether something that works until progress ``end`` is still on; an end of 1 includes the last step, 0 is never."""
    return gamma < end or end >= 1
