"""The outline of subjects in latents: what lies on which side of it, and what would be there if one side went on. Ours."""

from __future__ import annotations

import torch
from torch import Tensor

from seal_sdk.method.delta_bridge import low_pass

FULL_COVERAGE = 0.9  # a latent of which the subject covers more is the subject's alone (ours)
EXTRAPOLATION_RINGS = 4  # latents; two tokens of the finest grid (ours)


def extrapolate_appearance(latents: Tensor, subject: Tensor) -> Tensor:
    """Continue the subject's latents over its outline, as far as matches may lie. Returns (1, C, H, W).

    A latent on the outline mixes subject and scene, and matches lie there too. Each latent that is not wholly the
    subject's becomes the mean of its neighbours that are, for `EXTRAPOLATION_RINGS` rings.

    latents: (1, C, H, W). subject: (1, 1, H, W) in [0, 1], how much of each latent the subject covers.
    """
    return _extrapolate(latents, (subject > FULL_COVERAGE).to(latents.dtype))[0]


def nearer_subject(latents: Tensor, subject: Tensor, covered: Tensor) -> Tensor:
    """Which latents look more like the subject than like the scene around them: (1, 1, h, w) of 0 and 1.

    A token on the outline of a subject that nobody pointed out covers latents of the scene as well. If these became the subject's, the
    outline would move outwards with every step. What the scene would be there is extrapolated from around the tokens, as far as
    `EXTRAPOLATION_RINGS`; latents further inside are the subject's.

    latents: (1, C, h, w), of the image. subject: (1, C, h, w), what the subject's would be. covered: (1, 1, h, w) of 0 and 1, the tokens
    that were taken for the subject.
    """
    scene, near = _extrapolate(latents, 1 - covered)
    to_subject, to_scene = ((latents - each).square().sum(1, keepdim=True) for each in (subject, scene))
    return covered * ((near == 0) | (to_subject < to_scene))


def _extrapolate(latents: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Latents (1, C, h, w) whose unknown ones become the mean of known neighbours, ring by ring, and which are known then.

    known: (1, 1, h, w) of 0 and 1.
    """
    for _ in range(EXTRAPOLATION_RINGS):
        around = low_pass(known, 1)
        ring = (known == 0) & (around > 0)
        latents = torch.where(ring, low_pass(latents * known, 1) / around.clamp(min=1e-6), latents)
        known = torch.where(ring, 1.0, known)
    return latents, known
