"""How a prompt edit changes the latents of a reference. Ours.

Latent transfer would paint the reference's own colours over what the prompt asks for, so the reference's latents are
edited first. The model denoises the noised reference with the reference prompt and with the edited one. The noise hides
colours but not shapes, so the predictions differ in what the edit speaks of. DiffEdit finds its mask in the same way
(Couairon et al., arXiv 2210.11427).
"""

from __future__ import annotations

from torch import Tensor

from seal_sdk.method.prompt_edit.confidence import TINY, edit_confidence, vector_length
from seal_sdk.method.prompt_edit.edit_mask import edit_mask
from seal_sdk.method.prompt_edit.predictions import PromptPredictions
from seal_sdk.method.region_mean import region_mean

PULL = 0.125  # share of the remaining way from the latents to the edited prediction that is added (ours)
MAX_PULL = 0.5  # the most that this may add, in lengths of the change (ours)


def latent_edit(latents: Tensor, subject: Tensor, predictions: PromptPredictions) -> tuple[Tensor, Tensor]:
    """The change of a reference's latents by one prompt edit, (1, C, h, w), and its mask, (1, 1, h, w) in [0, 1].

    One direction is used for the whole mask: the mean difference of the predictions, plus a pull towards the edited
    prediction, since a prediction that trusts the image changes it too little. Both results are zero outside of the
    subject, and if the edit speaks of the scene (`edit_confidence`).

    latents: (1, C, h, w), the reference's. subject: (1, 1, h, w) in [0, 1], how much of each latent is the subject's.
    """
    mask = edit_mask(latents, subject, predictions)
    where = mask * subject
    direction, remaining = (region_mean(each, where) for each in (predictions.change, predictions.edited - latents))
    weight = edit_confidence(predictions.change, subject) * mask
    pull = _shortened(PULL * remaining, MAX_PULL * vector_length(direction))
    return weight * (direction + pull), weight


def _shortened(vector: Tensor, length: Tensor) -> Tensor:
    """The vector, shortened to ``length`` if it is longer."""
    return vector * (length / vector_length(vector).clamp(min=TINY)).clamp(max=1.0)
