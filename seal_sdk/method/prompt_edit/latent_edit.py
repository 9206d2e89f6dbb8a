"""How a word of the prompt changes the latents of a reference. Ours.

Latent transfer would paint the reference's own colours over what the prompt asks for, so the reference's latents are edited first. The
model denoises the noised reference with the word and without it. The noise hides colours but not shapes, so the two predictions differ in
what the word speaks of. DiffEdit finds its mask in the same way (Couairon et al., arXiv 2210.11427).
"""

from __future__ import annotations

import torch
from torch import Tensor

from seal_sdk.method.prompt_edit.answer import Answer
from seal_sdk.method.prompt_edit.confidence import edit_confidence
from seal_sdk.method.prompt_edit.edit_mask import edit_mask
from seal_sdk.method.region_mean import region_mean

CONTRAST = 1.75  # how far beyond the prediction the target lies, in lengths of the change: predictions trust the image too much (ours)


def latent_edit(latents: Tensor, subject: Tensor, answer: Answer) -> tuple[Tensor, Tensor]:
    """The change of a reference's latents by one word, (1, C, 1, 1), and how much each latent takes of it, (1, 1, h, w) in [0, 1].

    It leads from the latents to the edited prediction and beyond it, away from the base one: one direction for the whole mask. The mask is
    zero outside of the subject, for a word that speaks of the scene, and for one that the reference agrees with (`edit_confidence`).

    latents: (1, C, h, w), the reference's. subject: (1, 1, h, w) in [0, 1], how much of each latent is the subject's.
    """
    mask = edit_mask(latents, subject, answer.change)
    direction = region_mean(answer.edited + CONTRAST * answer.change - latents, mask * subject)
    return direction, edit_confidence(latents, subject, mask, answer) * mask * subject


def combined_edit(latents: Tensor, subject: Tensor, answers: list[Answer]) -> tuple[Tensor, Tensor]:
    """What all words change together, (1, C, h, w), and which latents, (1, 1, h, w) in [0, 1]. Where masks overlap, changes share them."""
    directions, masks = zip(*(latent_edit(latents, subject, each) for each in answers), strict=True)
    whole = torch.stack(masks).sum(0)
    change = torch.stack([direction * mask for direction, mask in zip(directions, masks, strict=True)]).sum(0)
    return change / whole.clamp(min=1.0), whole.clamp(max=1.0)
