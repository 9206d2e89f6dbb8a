"""How a word of the prompt changes the latents of a reference. Ours.

Latent transfer would paint the reference's own colours over what the prompt asks for, so the reference's latents are edited first. The
model denoises the noised reference with the word and without it. The noise hides colours but not shapes, so the two predictions differ in
what the word speaks of. DiffEdit finds its mask in the same way (Couairon et al., arXiv 2210.11427).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seal_sdk.method.prompt_edit.answer import Answer
from seal_sdk.method.prompt_edit.confidence import edit_confidence, pattern_confidence
from seal_sdk.method.prompt_edit.edit_mask import colour_response, edit_mask, pattern_response
from seal_sdk.method.prompt_edit.pattern import is_pattern
from seal_sdk.method.region_mean import region_mean


@dataclass(frozen=True)
class EditLength:
    """How the target is made: predictions trust the image too much, so it lies beyond them (ours).

    prediction: share of the way from the latents to the prediction with the word. contrast: lengths of what the word changes.
    """

    prediction: float
    contrast: float


ADDED = EditLength(1.0, 3.0)  # the other side lacks the word
REPLACED = EditLength(0.5, 3.0)  # the other side has the reference's own word: predictions differ by more


@dataclass(frozen=True, eq=False)
class LatentEdit:
    """What words change in a reference's latents, all (1, _, h, w) and zero outside of the subject.

    change: (1, C, h, w), added to the latents. recoloured: in [0, 1], how much each latent takes of it. redrawn: in [0, 1], how much of
    each latent's pattern is to be drawn anew, in the reference's colours.
    """

    change: Tensor
    recoloured: Tensor
    redrawn: Tensor


def edit_latents(latents: Tensor, subject: Tensor, answers: list[Answer]) -> LatentEdit:
    """What all words change together. Where masks of colours overlap, their changes share them.

    latents: (1, C, h, w), the reference's. subject: (1, 1, h, w) in [0, 1], how much of each latent is the subject's.
    """
    change, whole, redrawn = torch.zeros_like(latents), torch.zeros_like(subject), torch.zeros_like(subject)
    for answer in answers:
        if is_pattern(answer.change, subject):
            redrawn = torch.maximum(redrawn, pattern_edit(latents, subject, answer))
        else:
            direction, mask = colour_edit(latents, subject, answer)
            change, whole = change + direction * mask, whole + mask
    return LatentEdit(change / whole.clamp(min=1.0), whole.clamp(max=1.0), redrawn)


def colour_edit(latents: Tensor, subject: Tensor, answer: Answer) -> tuple[Tensor, Tensor]:
    """The change of a reference's latents by one word, (1, C, 1, 1), and how much each latent takes of it, (1, 1, h, w) in [0, 1].

    It leads from the latents towards the edited prediction and away from the base one: one direction for the whole mask. The mask is
    zero outside of the subject, for a word that speaks of the scene, and for one that the reference agrees with (`edit_confidence`).
    """
    mask = edit_mask(latents, subject, colour_response(answer.change, subject))
    length = REPLACED if answer.replaces else ADDED
    way = length.prediction * (answer.edited - latents) + length.contrast * answer.change
    direction = region_mean(way, mask * subject)
    return direction, edit_confidence(latents, subject, mask, answer) * mask * subject


def pattern_edit(latents: Tensor, subject: Tensor, answer: Answer) -> Tensor:
    """How much of each latent's pattern one word changes, (1, 1, h, w) in [0, 1]; zero where `colour_edit`'s mask would be."""
    mask = edit_mask(latents, subject, pattern_response(answer.change))
    return pattern_confidence(latents, subject, mask, answer) * mask * subject
