"""Settings as functions of the sampling progress gamma in [0, 1] (paper, "Hybrid Scheduling").

Early steps are careful, since the layout is still open; late steps are aggressive.
"""

from __future__ import annotations

EARLY_DELTA = 0.5  # share of delta at gamma = 0 under "dynamic" (ours)
EARLY_TAU = 0.15  # what "dynamic" adds to tau at gamma = 0 (ours)

DETAIL_START, DETAIL_END = 0.1, 0.9  # progress between which latents are transferred (ours)


def tau_at(gamma: float, tau: float, schedule: str) -> float:
    """Similarity threshold. Under "dynamic" it falls linearly to ``tau`` (the paper names no shape; ours)."""
    return tau if schedule == "constant" else min(tau + EARLY_TAU * (1 - gamma), 1.0)


def delta_at(gamma: float, delta: float, schedule: str) -> float:
    """Blending strength. Under "dynamic" it rises linearly to ``delta`` (the paper names no shape; ours)."""
    return delta if schedule == "constant" else delta * (EARLY_DELTA + (1 - EARLY_DELTA) * gamma)


def detail_at(gamma: float, detail: float) -> float:
    """Strength of latent transfer (ours).

    It starts once the layout stands, and ends before the last steps, which blend the result into one image.
    """
    return detail if DETAIL_START <= gamma <= DETAIL_END else 0.0


def lambda_at(gamma: float, strength: float, end: float) -> float:
    """Strength of Delta-Bridge: full until half of ``end``, then linearly to zero at ``end``.

    The paper says "early to mid"; the shape is ours.
    """
    if end <= 0 or gamma >= end:
        return 0.0
    return strength * min(1.0, 2 * (1 - gamma / end))


def guidance_at(gamma: float, guidance_scale: float, interval: tuple[float, float]) -> float:
    """Scale of classifier-free guidance: 1, which needs no unconditional row, outside of ``interval``.

    Guidance in a limited interval: Kynkaanniemi et al., 2024, arXiv 2404.07724. They name noise levels, this is their progress (ours).
    """
    start, end = interval
    return guidance_scale if gamma >= start and active(gamma, end) else 1.0


def active(gamma: float, end: float) -> bool:
    """Whether a feature that works until progress ``end`` is on. ``end=1`` includes the last step, ``end=0`` is never."""
    return gamma < end or end >= 1
