"""What the prompt changes in a reference: read from the model before anything is drawn (ours; `method.prompt_edit`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seal_sdk.backbone.base import Backbone
from seal_sdk.backbone.conditioning import Conditioning, stack
from seal_sdk.method.prompt_edit.latent_edit import latent_edit
from seal_sdk.method.prompt_edit.predictions import PromptPredictions

NOISE_PROGRESS = 0.8  # share of the training schedule: this much noise hides colours and leaves shapes (ours)
NO_WORDS = (
    "prompt_embeds have no words to compare with the reference's prompt: DeltaBridge(override=...) does nothing. "
    "Give prompt= instead, or switch it off with override=0."
)
DRAWS = 2  # of noise, each with one row per prompt (ours)


@dataclass(frozen=True, eq=False)
class EditPrompts:
    """The prompts that a reference is read with: its own, none, and its own with one difference each."""

    reference: Conditioning
    unconditional: Conditioning
    edits: Sequence[Conditioning]

    @property
    def rows(self) -> tuple[Conditioning, ...]:
        """In the order in which they are computed."""
        return self.reference, self.unconditional, *self.edits

    @property
    def computed_rows(self) -> int:
        """How many rows reading costs."""
        return DRAWS * len(self.rows)


@torch.no_grad()
def edit_reference(
    backbone: Backbone, latents: Tensor, subject: Tensor, prompts: EditPrompts, override: float
) -> tuple[Tensor, Tensor]:
    """A reference's clean latents (1, C, h, w), its subject changed as the prompt edits say, and the edit mask.

    The mask, (1, 1, h, w) in [0, 1], says which latents are changed. subject: (1, 1, h, w) in [0, 1]. override: what the changes are
    multiplied by. The noise is the same every time.
    """
    draws = torch.stack([_predict(backbone, latents, prompts.rows, draw) for draw in range(DRAWS)])
    reference, unconditional, *edited = torch.split(draws.mean(0), 1)
    before, region = latents.float(), subject.float()
    edits = [latent_edit(before, region, PromptPredictions(reference, unconditional, each)) for each in edited]
    changes, masks = zip(*edits, strict=True)
    return (before + override * sum(changes)).to(latents.dtype), torch.stack(masks).amax(0).to(latents.dtype)


def _predict(backbone: Backbone, latents: Tensor, rows: Sequence[Conditioning], draw: int) -> Tensor:
    """(rows, C, h, w) float32: the clean latents that the model predicts from under noise, with each row's prompt."""
    timestep = round(NOISE_PROGRESS * backbone.train_timesteps) - 1
    level = backbone.noise_level(timestep)
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(draw)).to(latents)
    noisy = level.add_noise(latents, noise).expand(len(rows), -1, -1, -1)
    prediction = backbone.predict(noisy, torch.tensor(timestep, device=latents.device), stack(rows))
    return level.clean(prediction.float(), noisy.float())
